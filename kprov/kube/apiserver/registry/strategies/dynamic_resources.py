"""Device classes, claims and slices: defaults, and what of them a client may not set.

Source: upstream pkg/apis/resource/v1/defaults.go, pkg/registry/resource.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kprov.kube.apiserver.registry.generic.checks import immutable
from kprov.kube.apiserver.registry.generic.resource_strategy import ALL_METADATA, ResourceStrategy
from kprov.kube.apiserver.registry.strategies import (
    device_allocation_rules,
    device_claim_rules,
    device_slice_rules,
)
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import quoted


class DeviceClassStrategy(ResourceStrategy):
    has_generation = True
    returns_deleted = True

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*device_claim_rules.device_class(_spec(obj), None)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*device_claim_rules.device_class(_spec(obj), _spec(old))]


class ResourceClaimStrategy(ResourceStrategy):
    returns_deleted = True
    status_keeps = ALL_METADATA
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: JsonObject) -> None:
        _claim_defaults(obj.setdefault("spec", {}))
        allocation = (obj.get("status") or {}).get("allocation") or {}
        for result in (allocation.get("devices") or {}).get("results") or ():
            _toleration_defaults(result)

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*device_claim_rules.claim(obj["spec"], "spec")]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*immutable(obj, old, "", "spec")]

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        device_allocation_rules.drop_deallocated(obj, old)

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*device_allocation_rules.status(obj, old)]


class ResourceClaimTemplateStrategy(ResourceStrategy):
    returns_deleted = True

    def default(self, obj: JsonObject) -> None:
        _claim_defaults(obj.setdefault("spec", {}).setdefault("spec", {}))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*device_claim_rules.template(obj["spec"])]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*self.validate(obj), *immutable(obj, old, "", "spec")]


class ResourceSliceStrategy(ResourceStrategy):
    has_generation = True
    returns_deleted = True

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.nodeName": spec.get("nodeName") or "", "spec.driver": spec.get("driver", "")}

    def default(self, obj: JsonObject) -> None:
        for device in _spec(obj).get("devices") or ():
            for mapping in (device.get("nodeAllocatableResourceMappings") or {}).values():
                if mapping.get("allocationMultiplier") is None:
                    mapping["allocationMultiplier"] = "1"
            for taint in device.get("taints") or ():
                if taint.get("timeAdded") is None:
                    taint["timeAdded"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        device_slice_rules.drop_disabled(_spec(obj), {})

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        device_slice_rules.drop_disabled(_spec(obj), _spec(old))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*device_slice_rules.spec(_spec(obj), None)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*device_slice_rules.spec(_spec(obj), _spec(old))]

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        driver = _spec(obj).get("driver", "")
        if driver == driver.lower():
            return []
        shown = quoted(driver)
        text = f"driver names should be lowercase; {shown} contains uppercase characters"
        return [f"spec.driver: {text}"]


def _spec(obj: JsonObject) -> JsonObject:
    return obj.get("spec") or {}


def _claim_defaults(spec: JsonObject) -> None:
    for request in (spec.get("devices") or {}).get("requests") or ():
        for wanted in (request.get("exactly"), *(request.get("firstAvailable") or ())):
            if wanted is None:
                continue
            wanted["allocationMode"] = wanted.get("allocationMode") or "ExactCount"
            if wanted["allocationMode"] == "ExactCount":
                wanted["count"] = wanted.get("count") or 1
            _toleration_defaults(wanted)


def _toleration_defaults(owner: JsonObject) -> None:
    tolerations: Iterable[JsonObject] = owner.get("tolerations") or ()
    for toleration in tolerations:
        toleration["operator"] = toleration.get("operator") or "Equal"
