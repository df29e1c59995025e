"""Owns extenders: HTTP services that filter nodes, score them, choose victims, or bind pods.

The scheduling cycle, the binding cycle and DefaultPreemption call `extenders.py`. May import the framework
and what stands below it.
"""
