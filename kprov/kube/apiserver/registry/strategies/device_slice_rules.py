"""What a driver may tell of its devices in a slice.

Source: upstream pkg/apis/resource/validation/validation.go (validateResourceSliceSpec, validateDevice),
pkg/registry/resource/resourceslice/strategy.go (dropDisabledFields).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors, immutable, named
from kprov.kube.apiserver.registry.podspec import scheduling
from kprov.kube.apiserver.registry.podspec.resources import is_native
from kprov.kube.apiserver.registry.podspec.volumes import csi_driver_name
from kprov.kube.apiserver.registry.strategies import device_attribute_rules, device_checks
from kprov.kube.apiserver.registry.strategies.device_attribute_rules import LISTS
from kprov.kube.apiserver.registry.strategies.device_checks import distinct, entries, limited
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_PLACES: Final = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_DEVICES_MAX: Final = 128
#: Of devices with taints, counters or lists of attributes.
_RICH_DEVICES_MAX: Final = 64
_COUNTER_SETS_MAX: Final = 8
_COUNTERS_MAX: Final = 32
_CONSUMED_SETS_MAX: Final = 2
_TOLD_MAX: Final = 32
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


def drop_disabled(spec: JsonObject, before: JsonObject) -> None:
    """Fields behind gates that are off; what has had them keeps them. before: the stored spec, {} of none."""
    devices, known = spec.get("devices") or (), before.get("devices") or ()
    if not any(device.get(_MAPPINGS) for device in known):
        for device in devices:
            device.pop(_MAPPINGS, None)
    if not any(_has_lists(device) for device in known):
        for device in devices:
            for attribute in (device.get("attributes") or {}).values():
                for part in LISTS:
                    attribute.pop(part, None)


def _has_lists(device: JsonObject) -> bool:
    told = (device.get("attributes") or {}).values()
    return any(attribute.get(part) is not None for attribute in told for part in LISTS)


def spec(new: JsonObject, before: JsonObject | None) -> Errors:
    """before: that of the object that is changed."""
    path, pool = "spec", new.get("pool") or {}
    yield from csi_driver_name(new.get("driver", ""), f"{path}.driver")
    yield from _pool(pool, f"{path}.pool")
    if before is not None:
        yield from immutable(pool, before.get("pool") or {}, f"{path}.pool", "name")
        yield from immutable(new, before, path, "driver", "nodeName")
    yield from _place(new, path)
    devices, counters = new.get("devices"), new.get("sharedCounters")
    if devices is not None and counters is not None:
        yield field.invalid(path, "", "only one of `sharedCounters` or `devices` is allowed")
    rich = any(one.get("taints") or one.get("consumesCounters") or _has_lists(one) for one in devices or ())
    known = {one.get("name", ""): one for one in reversed((before or {}).get("devices") or [])}

    def device(one: JsonObject, where: str) -> Errors:
        by_device = bool(new.get("perDeviceNodeSelection"))
        yield from _device(one, known.get(_name(one)), where, by_device=by_device)

    most = _RICH_DEVICES_MAX if rich else _DEVICES_MAX
    yield from distinct(devices, f"{path}.devices", most, device, _name)
    yield from distinct(counters, f"{path}.sharedCounters", _COUNTER_SETS_MAX, _counter_set, _name)


def _name(owner: JsonObject) -> str:
    name: str = owner.get("name", "")
    return name


def _pool(pool: JsonObject, path: str) -> Errors:
    yield from device_checks.pool_name(_name(pool), f"{path}.name")
    slices, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if slices <= 0:
        yield field.invalid(f"{path}.resourceSliceCount", slices, "must be greater than zero")
    if generation < 0:
        yield field.invalid(f"{path}.generation", generation, "must be greater than or equal to zero")


def _place(owner: JsonObject, path: str) -> Errors:
    """The nodes that have a slice's devices."""
    given: list[str] = []
    text = "must be either unset or set to a non-empty string"
    yield from _node_name(owner, path, given, text)
    if owner.get("nodeSelector") is not None:
        yield from _selected_nodes(owner, path, given)
        terms = owner["nodeSelector"].get("nodeSelectorTerms")
        if len(terms or ()) != 1:
            where = f"{path}.nodeSelector.nodeSelectorTerms"
            yield field.invalid(where, terms, "must have exactly one node selector term")
    for part in ("allNodes", "perDeviceNodeSelection"):
        yield from _only_true(owner, path, part, given)
    if not given:
        yield field.required(path, _ONE_PLACE)
    elif len(given) > 1:
        yield field.invalid(path, _together(given), f"{_ONE_PLACE}, but multiple fields are set")


def _device_place(device: JsonObject, path: str) -> Errors:
    given: list[str] = []
    yield from _node_name(device, path, given, "must not be empty")
    if device.get("nodeSelector") is not None:
        yield from _selected_nodes(device, path, given)
    yield from _only_true(device, path, "allNodes", given)
    if not given:
        yield field.required(path, _DEVICE_PLACE)
    elif len(given) > 1:
        yield field.invalid(path, _together(given), _DEVICE_PLACE)


def _together(given: list[str]) -> str:
    return "{" + ", ".join(f"`{part}`" for part in given) + "}"


def _node_name(owner: JsonObject, path: str, given: list[str], text: str) -> Errors:
    name = owner.get("nodeName")
    if name:
        given.append("nodeName")
        yield from named(name, f"{path}.nodeName", names.is_dns1123_subdomain)
    elif name is not None:
        yield field.invalid(f"{path}.nodeName", name, text)


def _selected_nodes(owner: JsonObject, path: str, given: list[str]) -> Errors:
    given.append("nodeSelector")
    yield from scheduling.node_selector(owner["nodeSelector"], f"{path}.nodeSelector")


def _only_true(owner: JsonObject, path: str, part: str, given: list[str]) -> Errors:
    if owner.get(part):
        given.append(part)
    elif owner.get(part) is not None:
        yield field.invalid(f"{path}.{part}", owner[part], _TRUE)


def _device(device: JsonObject, before: JsonObject | None, path: str, *, by_device: bool) -> Errors:
    yield from device_checks.label(_name(device), f"{path}.name")
    attributes, capacity = device.get("attributes"), device.get("capacity")
    told = len(attributes or ()) + len(capacity or ())
    if told > _TOLD_MAX:
        text = f"the total number of attributes and capacities must not exceed {_TOLD_MAX}"
        yield field.invalid(path, told, text)
    values = device_attribute_rules.count(attributes)
    if values > _VALUES_MAX:
        text = f"the total number of attribute values must not exceed {_VALUES_MAX}"
        yield field.invalid(path, values, text)
    yield from device_attribute_rules.attributes(attributes, f"{path}.attributes")
    shared = bool(device.get("allowMultipleAllocations"))
    yield from device_attribute_rules.capacities(capacity, f"{path}.capacity", shared=shared)
    taints = device.get("taints")
    if before is None or (before.get("taints") or []) != (taints or []):
        yield from limited(taints, f"{path}.taints", _TAINTS_MAX, device_checks.taint)
    yield from distinct(
        device.get("consumesCounters"),
        f"{path}.consumesCounters",
        _CONSUMED_SETS_MAX,
        _consumption,
        lambda one: one.get("counterSet", ""),
    )
    if by_device:
        yield from _device_place(device, path)
    elif any(device.get(part) is not None for part in ("nodeName", "nodeSelector", "allNodes")):
        yield field.invalid(path, None, _NO_DEVICE_PLACE)
    yield from device_checks.binding_conditions(device, path)
    yield from _mappings(device.get(_MAPPINGS), capacity or {}, f"{path}.{_MAPPINGS}")


def _mappings(mappings: Mapping[str, Any] | None, capacity: Mapping[str, Any], path: str) -> Errors:
    """What of a node's resources a device takes."""
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


def _counter_set(one: JsonObject, path: str) -> Errors:
    yield from device_checks.label_or_missing(_name(one), f"{path}.name")
    yield from _counters(one, path)


def _consumption(one: JsonObject, path: str) -> Errors:
    yield from device_checks.label_or_missing(one.get("counterSet", ""), f"{path}.counterSet")
    yield from _counters(one, path)


def _counters(owner: JsonObject, path: str) -> Errors:
    path = f"{path}.counters"
    if not owner.get("counters"):
        yield field.required(path)
        return
    # Their values may be any quantities.
    yield from entries(owner["counters"], path, _COUNTERS_MAX, names.LABEL_MAX, device_checks.label)
