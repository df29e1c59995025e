"""Owns what the inventory's checks and the scheduler must both know of KubeSchedulerConfiguration.

`sections.py` reads a document. `profiles.py`, `plugin_sets.py`, `arguments.py` and `extenders.py` have its
fields and their rules, `plugins.json` the plugins with their extension points. Both wings call it. It is part
of the bundle, and may import the standard library only.
"""
