"""Escalation checks: a write of a role or a binding must not grant rights that the user does not have.

Source: upstream pkg/registry/rbac/escalation_check.go, */policybased/storage.go and validation/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.authz.rbac import GROUP
from kprov.kube.apiserver.authz.rule_coverage import TooManyRulesError, find_uncovered
from kprov.kube.apiserver.authz.union import MASTERS, Union
from kprov.kube.apiserver.interfaces import Decision
from kprov.kube.apiserver.request import RequestInfo, UserInfo
from kprov.kube.machinery import status
from kprov.kube.machinery.json_object import JsonObject

EVERYTHING: Final[tuple[JsonObject, ...]] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)
#: Limits of the message. A rule may have millions of combinations of its verbs, resources and names.
_LISTED_RULES: Final = 1_000
_LISTED_CHARACTERS: Final = 100_000
_FIELDS: Final = (
    ("apiGroups", "APIGroups"),
    ("resources", "Resources"),
    ("nonResourceURLs", "NonResourceURLs"),
    ("resourceNames", "ResourceNames"),
    ("verbs", "Verbs"),
)


class EscalationCheck:
    """Checks writes with the authorizer and the user's RBAC rules."""

    def __init__(self, authorizer: Union) -> None:
        self._authorizer = authorizer

    async def check_role(
        self, user: UserInfo, role: JsonObject, old: JsonObject | None, plural: str, name: str = ""
    ) -> str:
        """Why the user must not write this Role or ClusterRole, or "".

        name: of the request's path, "" for a creation: escalate on one name does not allow to create it.
        """
        namespace = role["metadata"].get("namespace", "")
        if _is_garbage_collection(role, old) or await self._is_allowed(
            "escalate", user, plural, namespace, name
        ):
            return ""
        reason = self._describe_missing(user, role.get("rules") or (), namespace)
        if reason:
            return reason
        # Any role may match the selectors of an aggregated role, so setting them requires all rights.
        if (_aggregates(role) or _aggregates(old)) and self._describe_missing(user, EVERYTHING, namespace):
            return "must have cluster-admin privileges to use the aggregationRule"
        return ""

    async def check_binding(self, user: UserInfo, binding: JsonObject, old: JsonObject | None) -> str:
        """Why the user must not write this RoleBinding or ClusterRoleBinding, or "".

        Raise StatusError 404 for a missing role, 400 for a reference without a name.
        """
        namespace, reference = binding["metadata"].get("namespace", ""), binding["roleRef"]
        plural = {"ClusterRole": "clusterroles", "Role": "roles"}.get(reference.get("kind", ""), "")
        name = reference.get("name", "")
        if _is_garbage_collection(binding, old) or not plural:
            return ""  # validation rejects other kinds
        if await self._is_allowed("bind", user, plural, namespace, name):
            return ""
        if plural == "roles" and not namespace:
            raise status.bad_request("Namespace parameter required.")
        if not name:
            raise status.bad_request("Name parameter required.")
        rbac = self._authorizer.rbac
        if rbac is None or not rbac.has_role(reference, namespace):
            # Upstream names the resource of the request, not the missing right.
            what = "rolebindings" if namespace else "clusterrolebindings"
            raise status.not_found(f"{what}.{GROUP}", name)
        return self._describe_missing(user, rbac.list_role_rules(reference, namespace), namespace)

    async def _is_allowed(self, verb: str, user: UserInfo, plural: str, namespace: str, name: str) -> bool:
        if MASTERS in user.groups:
            return True
        info = RequestInfo(
            path="", verb=verb, is_resource_request=True, api_group=GROUP, api_version="*",
            namespace=namespace, resource=plural, name=name,
        )  # fmt: skip
        decision, _ = await self._authorizer.authorize(user, info)
        return decision is Decision.ALLOW

    def _describe_missing(self, user: UserInfo, rules: Sequence[JsonObject], namespace: str) -> str:
        rbac = self._authorizer.rbac
        have = rbac.list_user_rules(user, namespace) if rbac is not None else []
        groups = " ".join(json.dumps(group) for group in user.groups)
        text = f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions'
        try:
            missing = find_uncovered(have, rules, _LISTED_RULES, _LISTED_CHARACTERS)
        except TooManyRulesError:
            return f"{text} with too many combinations to compare them with those currently held"
        if not missing.parts:
            return ""
        lines = sorted({_format_rule(rule) for rule in _merge_verbs(missing.parts)})
        if missing.has_more:
            lines.append("and more")
        return "\n".join([f"{text} not currently held:", *lines])


def _aggregates(role: JsonObject | None) -> bool:
    return bool(((role or {}).get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _is_garbage_collection(obj: JsonObject, old: JsonObject | None) -> bool:
    """Whether only owner references and finalizers differ, as in writes of the garbage collector."""
    if old is None:
        return False
    ignored = ("ownerReferences", "finalizers", "managedFields", "resourceVersion")
    stripped = [
        {**state, "metadata": {key: value for key, value in state["metadata"].items() if key not in ignored}}
        for state in (obj, old)
    ]
    return stripped[0] == stripped[1]


def _merge_verbs(rules: Sequence[JsonObject]) -> list[JsonObject]:
    """Merge rules that differ only in their verbs."""
    merged_rules: dict[tuple[str, ...], JsonObject] = {}
    for rule in rules:
        key = tuple(str(rule.get(field)) for field, _ in _FIELDS if field != "verbs")
        if "nonResourceURLs" in rule:
            key = (*key, *rule["verbs"])
        if key in merged_rules:
            merged_rules[key]["verbs"] = [*merged_rules[key]["verbs"], *rule["verbs"]]
        else:
            merged_rules[key] = dict(rule)
    return list(merged_rules.values())


def _format_rule(rule: JsonObject) -> str:
    parts = [
        f"{title}:[{' '.join(json.dumps(value) for value in rule[field])}]"
        for field, title in _FIELDS
        if rule.get(field)
    ]
    return "{" + ", ".join(parts) + "}"
