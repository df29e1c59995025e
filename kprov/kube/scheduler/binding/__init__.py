"""Owns the binding cycle, from Permit to PostBind, and the request that binds a pod.

`cycle/` starts a binding cycle for each pod that gets a node; DefaultBinder sends the request. May import
attempts, the queue, extenders and what stands below them, but no plugin.
"""
