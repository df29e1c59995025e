"""Devices of nodes (resource.k8s.io): which ones exist, which are free, and which a claim gets on a node.

The plugin DynamicResources calls it. It imports the scheduler's state.
Source: k8s.io/dynamic-resource-allocation.
"""
