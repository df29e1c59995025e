"""The Container Runtime Interface: messages (generated from runtime.proto) and the client.

Called by the rest of the kubelet. Imports nothing of it.
"""
