"""Persistent volume claims: validation."""
