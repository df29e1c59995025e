"""Warns of pods that cannot share a volume on a node, since their SELinux labels differ.

The registry loads its controller. It imports the framework and the names of attachable volumes.
"""
