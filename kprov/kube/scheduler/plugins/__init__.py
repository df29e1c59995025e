"""Owns the scheduling rules: one module for each plugin of upstream, under its name in snake case.

`registry.py` builds them for `profile.py`, and `framework/runtime/` calls them. May import preemption,
binding, volumes, devices, and what stands below them.
"""
