"""Field rules of resource slices.

Source: upstream pkg/apis/resource/validation/validation.go (validateResourceSliceSpec, validateDevice),
pkg/registry/resource/resourceslice/strategy.go (dropDisabledFields).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors, check_immutable, check_value
from kprov.kube.apiserver.registry.podspec import scheduling
from kprov.kube.apiserver.registry.podspec.resources import is_native
from kprov.kube.apiserver.registry.podspec.volumes import check_csi_driver_name
from kprov.kube.apiserver.registry.resource.binding_conditions import validate_binding_conditions
from kprov.kube.apiserver.registry.resource.device_lists import (
    check_distinct_list,
    check_limited_list,
    check_map,
)
from kprov.kube.apiserver.registry.resource.device_names import (
    check_label,
    check_pool_name,
    check_required_label,
    get_name,
)
from kprov.kube.apiserver.registry.resource.device_taints import validate_taint
from kprov.kube.apiserver.registry.resource.resource_slice.attributes import (
    LIST_TYPES,
    count_attribute_values,
    validate_attributes,
)
from kprov.kube.apiserver.registry.resource.resource_slice.capacity import validate_capacities
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_PLACES: Final = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_DEVICES_MAX: Final = 128
#: The limit for slices with taints, counters or list attributes.
_DEVICES_WITH_DETAILS_MAX: Final = 64
_COUNTER_SETS_MAX: Final = 8
_COUNTERS_MAX: Final = 32
_CONSUMED_SETS_MAX: Final = 2
_ATTRIBUTES_MAX: Final = 32
_VALUES_MAX: Final = 48
_TAINTS_MAX: Final = 16
_ONE_PLACE: Final = f"exactly one of {', '.join(f'`{part}`' for part in _PLACES)} is required"
_DEVICE_PLACE: Final = (
    "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` "
    "is set to true in the ResourceSlice spec"
)
_NO_DEVICE_PLACE: Final = (
    "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true "
    "in the ResourceSlice spec"
)
_TRUE: Final = "must be either unset or set to true"
_MAPPINGS: Final = "nodeAllocatableResourceMappings"


def drop_disabled_fields(spec: JsonObject, before: JsonObject) -> None:
    """Drop fields of disabled features unless the old spec has them. before: the old spec, {} at creation."""
    devices, known = spec.get("devices") or (), before.get("devices") or ()
    if not any(device.get(_MAPPINGS) for device in known):
        for device in devices:
            device.pop(_MAPPINGS, None)
    if not any(_has_list_attributes(device) for device in known):
        for device in devices:
            for attribute in (device.get("attributes") or {}).values():
                for part in LIST_TYPES:
                    attribute.pop(part, None)


def _has_list_attributes(device: JsonObject) -> bool:
    told = (device.get("attributes") or {}).values()
    return any(attribute.get(part) is not None for attribute in told for part in LIST_TYPES)


def validate_slice_spec(new: JsonObject, before: JsonObject | None) -> Errors:
    """Field rules of a slice's spec. before: the old spec."""
    path, pool = "spec", new.get("pool") or {}
    yield from check_csi_driver_name(new.get("driver", ""), f"{path}.driver")
    yield from _validate_pool(pool, f"{path}.pool")
    if before is not None:
        yield from check_immutable(pool, before.get("pool") or {}, f"{path}.pool", "name")
        yield from check_immutable(new, before, path, "driver", "nodeName")
    yield from _validate_place(new, path)
    devices, counters = new.get("devices"), new.get("sharedCounters")
    if devices is not None and counters is not None:
        yield field.invalid(path, "", "only one of `sharedCounters` or `devices` is allowed")
    rich = any(
        new_device.get("taints") or new_device.get("consumesCounters") or _has_list_attributes(new_device)
        for new_device in devices or ()
    )
    known = {
        old_device.get("name", ""): old_device for old_device in reversed((before or {}).get("devices") or [])
    }

    def device(new_device: JsonObject, where: str) -> Errors:
        by_device = bool(new.get("perDeviceNodeSelection"))
        yield from _validate_device(new_device, known.get(get_name(new_device)), where, by_device=by_device)

    most = _DEVICES_WITH_DETAILS_MAX if rich else _DEVICES_MAX
    yield from check_distinct_list(devices, f"{path}.devices", most, device, get_name)
    yield from check_distinct_list(
        counters, f"{path}.sharedCounters", _COUNTER_SETS_MAX, _validate_counter_set, get_name
    )


def _validate_pool(pool: JsonObject, path: str) -> Errors:
    yield from check_pool_name(get_name(pool), f"{path}.name")
    slices, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if slices <= 0:
        yield field.invalid(f"{path}.resourceSliceCount", slices, "must be greater than zero")
    if generation < 0:
        yield field.invalid(f"{path}.generation", generation, "must be greater than or equal to zero")


def _validate_place(owner: JsonObject, path: str) -> Errors:
    """Check that exactly one field says which nodes have the devices."""
    field_names: list[str] = []
    text = "must be either unset or set to a non-empty string"
    yield from _validate_node_name(owner, path, field_names, text)
    if owner.get("nodeSelector") is not None:
        yield from _validate_node_selector(owner, path, field_names)
        terms = owner["nodeSelector"].get("nodeSelectorTerms")
        if len(terms or ()) != 1:
            where = f"{path}.nodeSelector.nodeSelectorTerms"
            yield field.invalid(where, terms, "must have exactly one node selector term")
    for part in ("allNodes", "perDeviceNodeSelection"):
        yield from _validate_only_true(owner, path, part, field_names)
    if not field_names:
        yield field.required(path, _ONE_PLACE)
    elif len(field_names) > 1:
        yield field.invalid(path, _format_fields(field_names), f"{_ONE_PLACE}, but multiple fields are set")


def _validate_device_place(device: JsonObject, path: str) -> Errors:
    field_names: list[str] = []
    yield from _validate_node_name(device, path, field_names, "must not be empty")
    if device.get("nodeSelector") is not None:
        yield from _validate_node_selector(device, path, field_names)
    yield from _validate_only_true(device, path, "allNodes", field_names)
    if not field_names:
        yield field.required(path, _DEVICE_PLACE)
    elif len(field_names) > 1:
        yield field.invalid(path, _format_fields(field_names), _DEVICE_PLACE)


def _format_fields(field_names: list[str]) -> str:
    return "{" + ", ".join(f"`{part}`" for part in field_names) + "}"


def _validate_node_name(owner: JsonObject, path: str, field_names: list[str], text: str) -> Errors:
    name = owner.get("nodeName")
    if name:
        field_names.append("nodeName")
        yield from check_value(name, f"{path}.nodeName", names.is_dns1123_subdomain)
    elif name is not None:
        yield field.invalid(f"{path}.nodeName", name, text)


def _validate_node_selector(owner: JsonObject, path: str, field_names: list[str]) -> Errors:
    field_names.append("nodeSelector")
    yield from scheduling.validate_node_selector(owner["nodeSelector"], f"{path}.nodeSelector")


def _validate_only_true(owner: JsonObject, path: str, part: str, field_names: list[str]) -> Errors:
    if owner.get(part):
        field_names.append(part)
    elif owner.get(part) is not None:
        yield field.invalid(f"{path}.{part}", owner[part], _TRUE)


def _validate_device(device: JsonObject, before: JsonObject | None, path: str, *, by_device: bool) -> Errors:
    yield from check_label(get_name(device), f"{path}.name")
    attributes, capacity = device.get("attributes"), device.get("capacity")
    told = len(attributes or ()) + len(capacity or ())
    if told > _ATTRIBUTES_MAX:
        text = f"the total number of attributes and capacities must not exceed {_ATTRIBUTES_MAX}"
        yield field.invalid(path, told, text)
    values = count_attribute_values(attributes)
    if values > _VALUES_MAX:
        text = f"the total number of attribute values must not exceed {_VALUES_MAX}"
        yield field.invalid(path, values, text)
    yield from validate_attributes(attributes, f"{path}.attributes")
    shared = bool(device.get("allowMultipleAllocations"))
    yield from validate_capacities(capacity, f"{path}.capacity", shared=shared)
    taints = device.get("taints")
    if before is None or (before.get("taints") or []) != (taints or []):
        yield from check_limited_list(taints, f"{path}.taints", _TAINTS_MAX, validate_taint)
    yield from check_distinct_list(
        device.get("consumesCounters"),
        f"{path}.consumesCounters",
        _CONSUMED_SETS_MAX,
        _validate_consumption,
        lambda consumption: consumption.get("counterSet", ""),
    )
    if by_device:
        yield from _validate_device_place(device, path)
    elif any(device.get(part) is not None for part in ("nodeName", "nodeSelector", "allNodes")):
        yield field.invalid(path, None, _NO_DEVICE_PLACE)
    yield from validate_binding_conditions(device, path)
    yield from _validate_mappings(device.get(_MAPPINGS), capacity or {}, f"{path}.{_MAPPINGS}")


def _validate_mappings(mappings: Mapping[str, Any] | None, capacity: Mapping[str, Any], path: str) -> Errors:
    """Field rules of nodeAllocatableResourceMappings."""
    for name, mapping in (mappings or {}).items():
        where, key = f"{path}[{name}]", mapping.get("capacityKey")
        if not is_native(name):
            yield field.invalid(where, name, "must be a node allocatable resource name")
        multiplier = Quantity.parse(str(mapping.get("allocationMultiplier", "1")))
        if multiplier.nanos <= 0:
            yield field.invalid(f"{where}.allocationMultiplier", str(multiplier), "must be positive")
        if key == "":
            yield field.invalid(f"{where}.capacityKey", "", "capacityKey must not be an empty string")
        elif key is not None and key not in capacity:
            yield field.not_found(f"{where}.capacityKey", key)


def _validate_counter_set(counter_set: JsonObject, path: str) -> Errors:
    yield from check_required_label(get_name(counter_set), f"{path}.name")
    yield from _validate_counters(counter_set, path)


def _validate_consumption(consumption: JsonObject, path: str) -> Errors:
    yield from check_required_label(consumption.get("counterSet", ""), f"{path}.counterSet")
    yield from _validate_counters(consumption, path)


def _validate_counters(owner: JsonObject, path: str) -> Errors:
    path = f"{path}.counters"
    if not owner.get("counters"):
        yield field.required(path)
        return
    # The values may be any quantities.
    yield from check_map(owner["counters"], path, _COUNTERS_MAX, names.LABEL_MAX, check_label)
