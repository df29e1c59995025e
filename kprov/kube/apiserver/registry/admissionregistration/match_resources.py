"""The resources that an admission policy or a binding matches.

Source: upstream pkg/apis/admissionregistration/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from kprov.kube.apiserver.registry.admissionregistration.rules import MATCH_POLICIES, validate_rule
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_enum,
    check_label_selector,
    check_value,
    enumerate_items,
)
from kprov.kube.apiserver.registry.generic.defaulting import set_defaults
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject


def default_match_resources(constraints: JsonObject | None) -> None:
    if constraints is None:
        return
    set_defaults(constraints, matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
    for part in ("resourceRules", "excludeResourceRules"):
        for each_rule in constraints.get(part) or ():
            set_defaults(each_rule, scope="*")


def validate_mutated_operations(constraints: JsonObject, path: str) -> Errors:
    for held in constraints.get("resourceRules") or ():
        for operation in held.get("operations") or ():
            yield from check_enum(
                operation, f"{path}.resourceRules.operations", ["*", "CONNECT", "CREATE", "UPDATE"]
            )


def validate_match_resources(constraints: JsonObject, path: str) -> Errors:
    yield from check_enum(constraints["matchPolicy"], f"{path}.matchPolicy", MATCH_POLICIES)
    yield from check_label_selector(constraints["namespaceSelector"], f"{path}.namespaceSelector")
    yield from check_label_selector(constraints["objectSelector"], f"{path}.objectSelector")
    for part in ("resourceRules", "excludeResourceRules"):
        for where, each_rule in enumerate_items(constraints.get(part), f"{path}.{part}"):
            yield from _validate_resource_names(
                each_rule.get("resourceNames") or (), f"{where}.resourceNames"
            )
            yield from validate_rule(each_rule, where)


def _validate_resource_names(values: Sequence[str], path: str) -> Errors:
    seen: set[str] = set()
    for where, value in enumerate_items(values, path):
        yield from check_value(value, where, names.is_path_segment_name)
        if value in seen:
            yield field.duplicate(where, value)
        seen.add(value)
