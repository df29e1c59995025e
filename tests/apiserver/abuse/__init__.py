"""Hostile clients: what one of them costs the others."""
