"""Nodes: validation."""
