"""Inventory sources: YAML, INI, scripts, host lists, and kubespray's groups."""
