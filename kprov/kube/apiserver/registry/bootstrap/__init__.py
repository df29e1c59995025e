"""What a cluster starts with: namespaces, RBAC policy, the kubernetes service."""
