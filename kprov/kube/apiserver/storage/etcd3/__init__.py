"""etcd v3 over gRPC: the only code that talks to etcd.

Called by app.py; imports storage/interface.py.
"""
