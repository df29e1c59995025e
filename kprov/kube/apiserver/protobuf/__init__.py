"""Reading request bodies in protobuf: typed clients (kubectl create, client-go) send them.

Called by handlers/body.py; imports nothing. fields.txt holds the field numbers of every message of 1.36.
"""
