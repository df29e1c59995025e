"""Preemption: removes pods of lower priority so that a pod fits (upstream's framework/preemption).

``candidates.py`` finds nodes and victims, ``selection.py`` chooses the node, ``eviction.py`` deletes victims.
"""
