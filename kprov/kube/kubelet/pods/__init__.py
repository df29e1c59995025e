"""Pods as this node sees them: queries about a pod, admission to the node, static pods, pod workers.

Every other package of the kubelet calls it. It imports the events and nothing above.
"""
