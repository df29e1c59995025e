"""Owns preemption: the removal of less important pods so that a pod fits (upstream's preemption).

DefaultPreemption calls it. `candidates.py` finds nodes and victims, `selection.py` chooses the node, and
`eviction.py` deletes the victims. May import the framework and what stands below it.
"""
