"""Device classes, claims and slices: defaults and field rules.

Source: upstream pkg/apis/resource/v1/defaults.go, pkg/apis/resource/validation, pkg/registry/resource.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.checks import Errors, Object, each, immutable, named
from kprov.kube.apiserver.registry.strategies.generic import ResourceStrategy
from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError

_MODES: Final = ["All", "ExactCount"]
_PLACES: Final = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_DEVICES_MAX: Final = 128


class DeviceClassStrategy(ResourceStrategy):
    def validate(self, obj: Object) -> list[FieldError]:
        return [*_selectors((obj.get("spec") or {}).get("selectors"), "spec.selectors")]

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return self.validate(obj)


class ResourceClaimStrategy(ResourceStrategy):
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: Object) -> None:
        _claim_defaults(obj.setdefault("spec", {}))

    def validate(self, obj: Object) -> list[FieldError]:
        return [*_claim(obj["spec"], "spec")]

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return [*immutable(obj, old, "", "spec")]


class ResourceClaimTemplateStrategy(ResourceStrategy):
    def default(self, obj: Object) -> None:
        _claim_defaults(obj.setdefault("spec", {}).setdefault("spec", {}))

    def validate(self, obj: Object) -> list[FieldError]:
        return [*_claim(obj["spec"]["spec"], "spec.spec")]

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        return [*immutable(obj, old, "", "spec")]


class ResourceSliceStrategy(ResourceStrategy):
    def selectable_fields(self, obj: Object) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.nodeName": spec.get("nodeName") or "", "spec.driver": spec.get("driver", "")}

    def validate(self, obj: Object) -> list[FieldError]:
        return [*_slice(obj.get("spec") or {})]

    def validate_update(self, obj: Object, old: Object) -> list[FieldError]:
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        pools = [held.get("pool") or {} for held in (new, before)]
        return [
            *_slice(new),
            *immutable(new, before, "spec", "driver", "nodeName"),
            *immutable(pools[0], pools[1], "spec.pool", "name"),
        ]


def _claim_defaults(spec: Object) -> None:
    for request in (spec.get("devices") or {}).get("requests") or ():
        for wanted in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if wanted is None:
                continue
            wanted["allocationMode"] = wanted.get("allocationMode") or "ExactCount"
            if wanted["allocationMode"] == "ExactCount":
                wanted["count"] = wanted.get("count") or 1


def _claim(spec: Object, path: str) -> Errors:
    requests = (spec.get("devices") or {}).get("requests")
    seen: set[str] = set()
    for where, request in each(requests, f"{path}.devices.requests"):
        name = request.get("name", "")
        if not name:
            yield field.required(f"{where}.name")
        else:
            yield from named(name, f"{where}.name", names.is_dns1123_label)
        exactly, alternatives = request.get("exactly"), request.get("firstAvailable")
        if bool(exactly) is bool(alternatives):
            text = "exactly one of `exactly` or `firstAvailable` is required"
            yield field.required(where, text)
        if exactly:
            yield from _request(exactly, f"{where}.exactly")
        for place, wanted in each(alternatives, f"{where}.firstAvailable"):
            yield from _request(wanted, place)
        if name in seen:
            yield field.duplicate(where, name)
        seen.add(name)


def _request(wanted: Object, path: str) -> Errors:
    device_class = wanted.get("deviceClassName", "")
    if not device_class:
        yield field.required(f"{path}.deviceClassName")
    else:
        yield from named(device_class, f"{path}.deviceClassName", names.is_dns1123_subdomain)
    mode, count = wanted["allocationMode"], wanted.get("count") or 0
    if mode not in _MODES:
        yield field.not_supported(f"{path}.allocationMode", mode, _MODES)
    elif mode == "All" and count:
        text = "must not be specified when allocationMode is 'All'"
        yield field.invalid(f"{path}.count", count, text)
    elif mode == "ExactCount" and count <= 0:
        yield field.invalid(f"{path}.count", count, "must be greater than zero")
    yield from _selectors(wanted.get("selectors"), f"{path}.selectors")


def _selectors(selectors: Any, path: str) -> Errors:
    for where, selector in each(selectors, path):
        if not selector.get("cel"):
            yield field.required(f"{where}.cel")
        elif not selector["cel"].get("expression"):
            yield field.required(f"{where}.cel.expression")


def _slice(spec: Object) -> Errors:
    given = [part for part in _PLACES if spec.get(part)]
    if not spec.get("driver"):
        yield field.required("spec.driver")
    else:
        yield from named(spec["driver"], "spec.driver", names.is_dns1123_subdomain)
    pool = spec.get("pool") or {}
    if not pool.get("name"):
        yield field.required("spec.pool.name")
    if (pool.get("resourceSliceCount") or 0) <= 0:
        count = pool.get("resourceSliceCount") or 0
        yield field.invalid("spec.pool.resourceSliceCount", count, "must be greater than zero")
    if (pool.get("generation") or 0) < 0:
        text = "must be greater than or equal to zero"
        yield field.invalid("spec.pool.generation", pool["generation"], text)
    listed = "`nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection`"
    if not given:
        yield field.required("spec", f"exactly one of {listed} is required")
    elif len(given) > 1:
        shown = "{" + ", ".join(f"`{part}`" for part in given) + "}"
        yield field.invalid(
            "spec", shown, f"exactly one of {listed} is required, but multiple fields are set"
        )
    devices = spec.get("devices") or []
    if len(devices) > _DEVICES_MAX:
        yield field.too_many("spec.devices", len(devices), _DEVICES_MAX)
    seen: set[str] = set()
    for where, device in each(devices, "spec.devices"):
        name = device.get("name", "")
        yield from named(name, f"{where}.name", names.is_dns1123_label)
        if name in seen:
            yield field.duplicate(f"{where}.name", name)
        seen.add(name)
