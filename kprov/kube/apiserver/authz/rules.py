"""PolicyRules: whether a rule allows a request.

Rules are JSON objects as in Role.rules. Source: upstream pkg/apis/rbac/v1/evaluation_helpers.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
    """Return whether a path fits a pattern: a path, or a prefix with a star at the end."""
    return any(
        pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern[:-1]))
        for pattern in patterns
    )
