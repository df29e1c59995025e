"""Rules that say which requests a webhook or a policy is for.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_lone_wildcard,
    enumerate_items,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

_OPERATIONS: Final = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"]
_SCOPES: Final = ["*", "Cluster", "Namespaced"]
FAILURE_POLICIES: Final = ["Fail", "Ignore"]
MATCH_POLICIES: Final = ["Equivalent", "Exact"]


def validate_rule(held: JsonObject, path: str) -> Errors:
    """Check operations, API groups, versions, resources and scope of a rule."""
    operations = held.get("operations") or []
    where = f"{path}.operations"
    if not operations:
        yield field.required(where)
    yield from check_lone_wildcard(operations, where, "operations")
    for place, operation in enumerate_items(operations, where):
        yield from check_enum(operation, place, _OPERATIONS)
    for part, what in (("apiGroups", "API groups"), ("apiVersions", "API versions")):
        values = held.get(part) or []
        if not values:
            yield field.required(f"{path}.{part}")
        yield from check_lone_wildcard(values, f"{path}.{part}", what)
        if part == "apiVersions":
            for place, value in enumerate_items(values, f"{path}.{part}"):
                if not value:
                    yield field.required(place)
    yield from _validate_resources(held.get("resources") or [], f"{path}.resources")
    yield from check_enum(held["scope"], f"{path}.scope", _SCOPES)


def _validate_resources(resources: Sequence[str], path: str) -> Errors:
    if not resources:
        yield field.required(path)
    whole: set[str] = set()
    parts: set[str] = set()
    has_plain = False
    for place, resource in enumerate_items(resources, path):
        name, slash, part = resource.partition("/")
        if not resource:
            yield field.required(place)
            continue
        if not slash:
            # As upstream: only the last resource without a subresource counts.
            has_plain = resource != "*"
            continue
        if name in whole:
            text = f"if '{name}/*' is present, must not specify {resource}"
            yield field.invalid(place, resource, text)
        if part in parts:
            text = f"if '*/{part}' is present, must not specify {resource}"
            yield field.invalid(place, resource, text)
        if part == "*":
            whole.add(name)
        if name == "*":
            parts.add(part)
    yield from _validate_lone_resources(resources, path, has_plain=has_plain)


def _validate_lone_resources(resources: Sequence[str], path: str, *, has_plain: bool) -> Errors:
    if len(resources) > 1 and "*/*" in resources:
        text = "if '*/*' is present, must not specify other resources"
        yield field.invalid(path, list(resources), text)
    if "*" in resources and has_plain:
        text = "if '*' is present, must not specify other resources without subresources"
        yield field.invalid(path, list(resources), text)
