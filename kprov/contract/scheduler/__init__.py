"""Owns the fields of KubeSchedulerConfiguration, for the inventory's checks and for the scheduler.

It is part of the bundle, and imports the standard library only.
"""
