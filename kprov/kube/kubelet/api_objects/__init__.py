"""What the kubelet reads from the API server for its pods: config maps, secrets, service account tokens.

`kubelet.py` and `volumes` call it.
"""
