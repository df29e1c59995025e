"""The client of the Container Runtime Interface, and a pod as the runtime has it.

Called by the rest of the kubelet. Imports nothing of it.
"""
