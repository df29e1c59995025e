"""Computes for each disruption budget how many of its pods may be evicted now.

Run by app. Imports client, component_helpers, api.
"""
