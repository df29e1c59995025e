"""testinfra checks of hosts and of the cluster; also what Molecule runs.

Called by operations and cli. May import playbook, transport, inventory, pki.
"""
