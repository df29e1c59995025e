"""Persistent volumes: validation."""
