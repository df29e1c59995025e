"""The provisioner of local volumes: a directory of this node for each claim that was scheduled to it.

Every node runs one. Imports client and below.
"""
