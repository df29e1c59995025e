"""Checks whether hosts can become a cluster: pure functions over facts of the hosts.

Called by operations/preflight.py, which gathers the facts. Imports only the inventory and the bundle.
"""
