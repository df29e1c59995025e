"""The real API server over a real etcd: what users see, from outside.

Not among the unit tests: run `pytest tests/apiserver`. Needs Debian's etcd-server.
"""
