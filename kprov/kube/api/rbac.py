"""rbac.authorization.k8s.io/v1."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

import msgspec

from kprov.kube.api.meta import LabelSelector, Object, View


class PolicyRule(View):
    verbs: list[str] = []
    api_groups: list[str] = []
    resources: list[str] = []
    resource_names: list[str] = []
    non_resource_urls: list[str] = msgspec.field(default_factory=list, name="nonResourceURLs")


class AggregationRule(View):
    cluster_role_selectors: list[LabelSelector] = []


class ClusterRole(Object):
    rules: list[PolicyRule] | None = None
    aggregation_rule: AggregationRule | None = None


class Role(Object):
    rules: list[PolicyRule] | None = None


class Subject(View):
    kind: str = ""
    api_group: str = ""
    name: str = ""
    namespace: str = ""


class RoleRef(View):
    api_group: str = ""
    kind: str = ""
    name: str = ""


class ClusterRoleBinding(Object):
    subjects: list[Subject] = []
    role_ref: RoleRef = msgspec.field(default_factory=RoleRef)


class RoleBinding(Object):
    subjects: list[Subject] = []
    role_ref: RoleRef = msgspec.field(default_factory=RoleRef)
