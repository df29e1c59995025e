"""Cluster role bindings.

Source: upstream pkg/registry/rbac/clusterrolebinding/strategy.go, pkg/apis/rbac/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.rbac.role_binding import RoleBindingStrategy


class ClusterRoleBindingStrategy(RoleBindingStrategy):
    role_kinds = ("ClusterRole",)
