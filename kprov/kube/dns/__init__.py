"""Cluster DNS: service and pod names, upstream forwarding. Imports client and below."""
