"""Checks of the hosts and the cluster with testinfra.

Called by operations and cli. May import playbook, transport, inventory, pki.
"""
