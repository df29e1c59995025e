"""A cluster's inventory: its variables, their rules, and validation before any host is touched."""
