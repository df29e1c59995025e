"""The node's part of the pod network: CNI config, routes to the other nodes, masquerade.

Imports client and below.
"""
