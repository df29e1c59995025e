"""Reading request bodies in protobuf: typed clients (kubectl create, client-go) send them.

Called by request/body.py; imports machinery.
"""
