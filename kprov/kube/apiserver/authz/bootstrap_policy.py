"""Upstream's RBAC policy: the roles and bindings of every cluster. The table is bootstrap_policy.yaml.

The post-start hook rbac/bootstrap-roles stores them, and the node authorizer takes its rules from them.
Source: upstream plugin/pkg/auth/authorizer/rbac/bootstrappolicy.
"""

from __future__ import annotations

from importlib import resources
from typing import Final

from kprov.kube.machinery.json_object import JsonObject

GROUP: Final = "rbac.authorization.k8s.io"
_AUTOUPDATE: Final = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_LABELS: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def load_policy() -> list[tuple[str, str, JsonObject]]:
    """(plural, namespace, object) of the whole policy; roles come before their bindings."""
    import yaml

    text = (resources.files(__package__) / "bootstrap_policy.yaml").read_text()
    policy = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    cluster_roles = policy["cluster_roles"]
    objects = [
        (
            "clusterroles",
            "",
            _build_role("ClusterRole", name, role | {"rules": _collect_rules(name, cluster_roles)}),
        )
        for name, role in cluster_roles.items()
    ]
    for namespace, roles in policy["roles"].items():
        objects += [
            ("roles", namespace, _build_role("Role", name, role, namespace)) for name, role in roles.items()
        ]
    for name, binding in policy["cluster_role_bindings"].items():
        objects.append(
            (
                "clusterrolebindings",
                "",
                _build_binding(name, f"ClusterRole {binding['role']}", binding["subjects"]),
            )
        )
    for namespace, bindings in policy["role_bindings"].items():
        for name, binding in bindings.items():
            objects.append(
                (
                    "rolebindings",
                    namespace,
                    _build_binding(name, binding["role"], binding["subjects"], namespace),
                )
            )
    return objects


def load_rules(role: str) -> list[JsonObject]:
    """Return the rules of a cluster role of the policy."""
    return next(
        obj["rules"]
        for kind, _, obj in load_policy()
        if kind == "clusterroles" and obj["metadata"]["name"] == role
    )


def _collect_rules(name: str, cluster_roles: JsonObject) -> list[JsonObject]:
    """Return the rules of a role; those of its parts for an aggregated role, in the controller's order."""
    role = cluster_roles[name]
    if not role.get("aggregates"):
        return list(role.get("rules", ()))
    rules: list[JsonObject] = []
    for part, other in sorted(cluster_roles.items()):
        if part != name and set(role["aggregates"]) & other.get("labels", {}).keys():
            rules += [rule for rule in _collect_rules(part, cluster_roles) if rule not in rules]
    return rules


def _build_metadata(name: str, namespace: str, labels: dict[str, str]) -> JsonObject:
    meta: JsonObject = {"name": name, "labels": _LABELS | labels, "annotations": dict(_AUTOUPDATE)}
    return meta | ({"namespace": namespace} if namespace else {})


def _build_role(kind: str, name: str, role: JsonObject, namespace: str = "") -> JsonObject:
    obj: JsonObject = {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": _build_metadata(name, namespace, role.get("labels", {})),
        "rules": [_build_rule(rule) for rule in role.get("rules", [])],
    }
    if role.get("aggregates"):
        obj["aggregationRule"] = {
            "clusterRoleSelectors": [{"matchLabels": {label: "true"}} for label in role["aggregates"]]
        }
    return obj


_FIELDS: Final = {
    "groups": "apiGroups",
    "resources": "resources",
    "names": "resourceNames",
    "paths": "nonResourceURLs",
    "verbs": "verbs",
}


def _build_rule(rule: JsonObject) -> JsonObject:
    return {_FIELDS[field]: values for field, values in rule.items()}


def _build_binding(name: str, role: str, subjects: list[str], namespace: str = "") -> JsonObject:
    kind, _, role_name = role.partition(" ")
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": _build_metadata(name, namespace, {}),
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role_name},
        "subjects": [_build_subject(text) for text in subjects],
    }


def _build_subject(text: str) -> JsonObject:
    kind, _, name = text.partition(" ")
    if kind == "serviceaccount":
        namespace, _, account = name.partition("/")
        return {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return {"kind": kind.capitalize(), "apiGroup": GROUP, "name": name}
