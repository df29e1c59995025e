"""kubelet: registers the node and runs its pods through CRI.

``app`` wires the parts; ``pod_workers`` owns the life of each pod. Imports client and below.
"""
