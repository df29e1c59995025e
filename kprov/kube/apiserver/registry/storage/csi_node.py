"""CSI nodes.

Source: upstream pkg/registry/storage/csinode/strategy.go, pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.podspec.volumes import check_csi_driver_name
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_NODE_ID_MAX: Final = 256


class CsiNodeStrategy(ResourceStrategy):
    returns_deleted = True
    allow_unconditional_update = False

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_csi_node(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_csi_node_update(obj, old))


def validate_csi_node(obj: JsonObject) -> Errors:
    seen: set[str] = set()
    for where, driver in enumerate_items((obj.get("spec") or {}).get("drivers"), "spec.drivers"):
        name, node = driver.get("name", ""), driver.get("nodeID", "")
        yield from check_csi_driver_name(name, f"{where}.name")
        if not node:
            yield field.required(f"{where}.nodeID")
        if len(node) > _NODE_ID_MAX:
            yield field.invalid(f"{where}.nodeID", node, f"must be {_NODE_ID_MAX} characters or less")
        yield from checks.check_not_negative(driver.get("allocatable") or {}, f"{where}.allocatable", "count")
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
        keys = driver.get("topologyKeys") or []
        repeats = checks.find_repeats(keys)
        for index, key in enumerate(keys):
            if not key:
                yield field.required(where)
            if index in repeats:
                yield field.duplicate(where, key)
            yield from checks.check_value(key, where, names.is_qualified_name)


def validate_csi_node_update(obj: JsonObject, old: JsonObject) -> Errors:
    def list_fixed_fields(driver: JsonObject) -> JsonObject:
        return {name: value for name, value in driver.items() if name != "allocatable"}

    yield from validate_csi_node(obj)
    before = {driver["name"]: driver for driver in (old.get("spec") or {}).get("drivers") or ()}
    for driver in (obj.get("spec") or {}).get("drivers") or ():
        had = before.get(driver.get("name", ""))
        if had is not None and list_fixed_fields(driver) != list_fixed_fields(had):
            yield field.invalid("spec.drivers", list_fixed_fields(driver), checks.IMMUTABLE)
