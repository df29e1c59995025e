"""API servers over an etcd of three members with TLS, while members and the ways to them fail.

cluster.py and relay.py are what can be broken, load.py writes and watches, checker.py compares what was written
with what each watch gave.
"""
