"""kube-scheduler: binds pods to nodes. Imports client and below.

``scheduler.py`` has the loop, ``schedule_pod.py`` picks the node, ``plugins/`` has the rules.
"""
