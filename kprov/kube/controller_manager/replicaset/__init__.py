"""Keeps as many pods as a replica set wants.

Run by app. Imports client, component_helpers, api.
"""
