"""Owns the calls of a profile's plugins at each extension point, for all nodes or for one.

The scheduling cycle, the binding cycle and preemption call it. May import the framework and the state.
"""
