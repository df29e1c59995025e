"""Owns attempts to schedule a pod: what they record, how they fail, and what users are told about them.

`cycle/` starts attempts, and `binding/` ends them. May import the queue and what stands below it.
"""
