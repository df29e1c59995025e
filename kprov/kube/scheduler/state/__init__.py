"""Owns the state of the cluster: nodes as arrays, pods with their sums, and nominated pods.

`informers/` and `cycle/` change it; all others read it. May import nothing else of the scheduler.
"""
