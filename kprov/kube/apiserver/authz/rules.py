"""PolicyRules: whether a rule allows a request, and whether rules cover other rules (escalation).

Rules are JSON objects as in Role.rules. Source: upstream pkg/apis/rbac/v1/evaluation_helpers.go and
component-helpers/auth/rbac/validation/policy_comparator.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from kprov.kube.apiserver.request import RequestInfo
from kprov.kube.machinery.json_object import JsonObject


def allows(rule: JsonObject, info: RequestInfo) -> bool:
    """Whether one rule allows one request."""
    verbs = rule.get("verbs") or ()
    if info.verb not in verbs and "*" not in verbs:
        return False
    if not info.is_resource_request:
        return _path_matches(rule.get("nonResourceURLs") or (), info.path)
    groups = rule.get("apiGroups") or ()
    if info.api_group not in groups and "*" not in groups:
        return False
    if not _resource_matches(rule.get("resources") or (), info.resource, info.subresource):
        return False
    names = rule.get("resourceNames")
    return not names or info.name in names


def _resource_matches(resources: Sequence[str], resource: str, subresource: str) -> bool:
    if "*" in resources:
        return True
    combined = f"{resource}/{subresource}" if subresource else resource
    return combined in resources or bool(subresource and f"*/{subresource}" in resources)


def _path_matches(patterns: Iterable[str], path: str) -> bool:
    """A pattern is a path, or a prefix with a star at the end."""
    return any(
        pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))
        for pattern in patterns
    )


def find_uncovered(have: Sequence[JsonObject], wanted: Sequence[JsonObject]) -> list[JsonObject]:
    """The parts of the wanted rules (each one verb, group, resource, name) that `have` does not cover."""
    return [
        part
        for rule in wanted
        for part in split_rule(rule)
        if not any(_covers(rule_, part) for rule_ in have)
    ]


def split_rule(rule: JsonObject) -> list[JsonObject]:
    """Split a rule into rules of one verb on one resource, name or path."""
    parts: list[JsonObject] = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        | ({"resourceNames": [name]} if name else {})
        for group, resource, verb, name in product(
            rule.get("apiGroups") or (),
            rule.get("resources") or (),
            rule.get("verbs") or (),
            rule.get("resourceNames") or ("",),
        )
    ]
    parts += [
        {"nonResourceURLs": [path], "verbs": [verb]}
        for path, verb in product(rule.get("nonResourceURLs") or (), rule.get("verbs") or ())
    ]
    return parts


def _covers(rule: JsonObject, part: JsonObject) -> bool:
    verbs = rule.get("verbs") or ()
    if part["verbs"][0] not in verbs and "*" not in verbs:
        return False
    if "nonResourceURLs" in part:
        wanted = part["nonResourceURLs"][0]
        return _path_matches(rule.get("nonResourceURLs") or (), wanted)
    groups, resources = rule.get("apiGroups") or (), rule.get("resources") or ()
    if part["apiGroups"][0] not in groups and "*" not in groups:
        return False
    resource, _, subresource = part["resources"][0].partition("/")
    if not _resource_matches(resources, resource, subresource):
        return False
    names = rule.get("resourceNames")
    return not names or (part.get("resourceNames") or [""])[0] in names
