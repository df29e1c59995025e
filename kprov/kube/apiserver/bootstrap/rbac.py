"""Upstream's RBAC policy, brought into being at start and kept: missing rules come back, additions stay.

Source of the reconciliation: upstream pkg/registry/rbac/rest/storage_rbac.go and
component-helpers/auth/rbac/reconciliation.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from importlib import resources
from typing import Final

from kprov.kube.apiserver.authz import rules as rule_sets
from kprov.kube.apiserver.registry.generic.store import DeleteOptions
from kprov.kube.apiserver.registry.generic.system_context import system_context
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

log = logging.getLogger(__name__)

GROUP: Final = "rbac.authorization.k8s.io"
_AUTOUPDATE: Final = {"rbac.authorization.kubernetes.io/autoupdate": "true"}
_LABELS: Final = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_TRIES: Final = 5


async def run(registry: Registry, done: Callable[[], None]) -> None:
    """The post-start hook rbac/bootstrap-roles."""
    for plural, namespace, wanted in objects():
        await _reconcile(registry, plural, namespace, wanted)
    done()


def objects() -> list[tuple[str, str, JsonObject]]:
    """(plural, namespace, object) of the whole policy; roles before what binds them."""
    import yaml

    text = (resources.files(__package__) / "rbac_policy.yaml").read_text()
    policy = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both are safe
    cluster_roles = policy["cluster_roles"]
    found = [
        ("clusterroles", "", _role("ClusterRole", name, role | {"rules": _rules_of(name, cluster_roles)}))
        for name, role in cluster_roles.items()
    ]
    for namespace, roles in policy["roles"].items():
        found += [("roles", namespace, _role("Role", name, role, namespace)) for name, role in roles.items()]
    for name, binding in policy["cluster_role_bindings"].items():
        found.append(
            ("clusterrolebindings", "", _binding(name, f"ClusterRole {binding['role']}", binding["subjects"]))
        )
    for namespace, bindings in policy["role_bindings"].items():
        for name, binding in bindings.items():
            found.append(
                ("rolebindings", namespace, _binding(name, binding["role"], binding["subjects"], namespace))
            )
    found += [
        # Our controller manager acts under one identity, which therefore needs what its controllers may do.
        ("clusterrolebindings", "", _binding(f"system:kprov:{name}", f"ClusterRole {name}", [_MANAGER]))
        for name in policy["cluster_roles"]
        if name.startswith("system:controller:")
    ]
    return found


def _rules_of(name: str, cluster_roles: JsonObject) -> list[JsonObject]:
    """A role's rules; an aggregated one's are its parts', in the aggregation controller's order."""
    role = cluster_roles[name]
    if not role.get("aggregates"):
        return list(role.get("rules", ()))
    rules: list[JsonObject] = []
    for part, other in sorted(cluster_roles.items()):
        if part != name and set(role["aggregates"]) & other.get("labels", {}).keys():
            rules += [rule for rule in _rules_of(part, cluster_roles) if rule not in rules]
    return rules


_MANAGER: Final = "user system:kube-controller-manager"


def _metadata(name: str, namespace: str, labels: dict[str, str]) -> JsonObject:
    meta: JsonObject = {"name": name, "labels": _LABELS | labels, "annotations": dict(_AUTOUPDATE)}
    return meta | ({"namespace": namespace} if namespace else {})


def _role(kind: str, name: str, role: JsonObject, namespace: str = "") -> JsonObject:
    obj: JsonObject = {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": _metadata(name, namespace, role.get("labels", {})),
        "rules": [_rule(rule) for rule in role.get("rules", [])],
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


def _rule(rule: JsonObject) -> JsonObject:
    return {_FIELDS[field]: values for field, values in rule.items()}


def _binding(name: str, role: str, subjects: list[str], namespace: str = "") -> JsonObject:
    kind, _, role_name = role.partition(" ")
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": _metadata(name, namespace, {}),
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role_name},
        "subjects": [_subject(text) for text in subjects],
    }


def _subject(text: str) -> JsonObject:
    kind, _, name = text.partition(" ")
    if kind == "serviceaccount":
        namespace, _, account = name.partition("/")
        return {"kind": "ServiceAccount", "name": account, "namespace": namespace}
    return {"kind": kind.capitalize(), "apiGroup": GROUP, "name": name}


async def _reconcile(registry: Registry, plural: str, namespace: str, wanted: JsonObject) -> None:
    store = registry.store(GROUP, plural)
    name = wanted["metadata"]["name"]
    for _ in range(_TRIES):
        current = store.lister.get(namespace, name)
        try:
            if current is not None and _binds_another(current, wanted):
                # The role of a binding cannot be changed.
                options = DeleteOptions(uid=current["metadata"]["uid"])
                context = system_context("delete", store.resource, namespace, name)
                await store.delete(context, namespace, name, options)
                current = None
            if current is None:
                await store.create(
                    system_context("create", store.resource, namespace, name),
                    namespace,
                    copy.deepcopy(wanted),
                )
            elif merge(current, wanted):
                context = system_context("update", store.resource, namespace, name)
                await store.update(context, namespace, name, lambda _, merged=current: merged)  # type: ignore[misc]
        except StatusError as error:
            # Another API server was faster, or changed it at this moment: look again.
            if error.code not in {404, 409}:
                raise
            await store.fresh()
            continue
        return
    log.warning("%s %s keeps changing, left as it is", plural, name)


def _binds_another(current: JsonObject, wanted: JsonObject) -> bool:
    return not _is_left_alone(current) and bool(wanted.get("roleRef") != current.get("roleRef"))


def _is_left_alone(current: JsonObject) -> bool:
    annotations = current["metadata"].get("annotations") or {}
    return bool(annotations.get("rbac.authorization.kubernetes.io/autoupdate") == "false")


def merge(current: JsonObject, wanted: JsonObject) -> bool:
    """Bring what the policy wants into what is there, in place; whether anything was missing.

    An object whose autoupdate annotation is "false" is left alone. What is there beside the policy, or has
    another value, stays.
    """
    if _is_left_alone(current):
        return False
    changed = False
    if "roleRef" in wanted:
        have = current.get("subjects") or []
        missing = [subject for subject in wanted["subjects"] if subject not in have]
        changed = bool(missing)
        current["subjects"] = have + missing
    else:
        changed = _merge_aggregation(current, wanted.get("aggregationRule") or {})
        # The rules of a role that sums up others are the aggregation controller's.
        rules = [] if wanted.get("aggregationRule") else wanted["rules"]
        lacking = rule_sets.uncovered(current.get("rules") or [], rules)
        if lacking:
            current["rules"] = (current.get("rules") or []) + lacking
            changed = True
    for part in ("labels", "annotations"):
        have = current["metadata"].get(part) or {}
        if wanted["metadata"][part].keys() - have.keys():
            current["metadata"][part] = wanted["metadata"][part] | have
            changed = True
    return changed


def _merge_aggregation(current: JsonObject, wanted: JsonObject) -> bool:
    have = (current.get("aggregationRule") or {}).get("clusterRoleSelectors") or []
    if not wanted:
        # A role of the policy that sums up nothing.
        return current.pop("aggregationRule", None) is not None
    missing = [selector for selector in wanted["clusterRoleSelectors"] if selector not in have]
    if missing:
        current["aggregationRule"] = {"clusterRoleSelectors": [*have, *missing]}
    return bool(missing)
