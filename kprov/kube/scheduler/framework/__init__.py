"""Owns the interface between the scheduler and its plugins (upstream's framework package).

Plugins implement `plugin.py`; `runtime/` calls them. May import the state, metrics and configuration.
"""
