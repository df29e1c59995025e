"""Owns what the inventory's checks and the scheduler must both know of KubeSchedulerConfiguration.

``plugins.json`` has the plugins with their extension points, and ``durations.py`` reads its times. Both wings
call it. It is part of the bundle, and may import the standard library only.
"""
