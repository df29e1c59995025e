"""kubelet: registers the node and runs its pods through CRI. Imports client and below.
"""
