"""The Kubernetes components and what they stand on. Knows nothing of the provisioner.

Reaches hosts as the bundle; configured by upstream's flags and config kinds.
"""
