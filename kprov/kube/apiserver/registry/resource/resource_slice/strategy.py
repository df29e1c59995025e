"""Resource slices.

Source: upstream pkg/registry/resource/resourceslice/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.resource.resource_slice.validation import (
    drop_disabled_fields,
    validate_slice_spec,
)
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import quoted


class ResourceSliceStrategy(ResourceStrategy):
    has_generation = True
    returns_deleted = True

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        spec = obj.get("spec") or {}
        return {"spec.nodeName": spec.get("nodeName") or "", "spec.driver": spec.get("driver", "")}

    def default(self, obj: JsonObject) -> None:
        for device in _read_spec(obj).get("devices") or ():
            for mapping in (device.get("nodeAllocatableResourceMappings") or {}).values():
                if mapping.get("allocationMultiplier") is None:
                    mapping["allocationMultiplier"] = "1"
            for taint in device.get("taints") or ():
                if taint.get("timeAdded") is None:
                    taint["timeAdded"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        drop_disabled_fields(_read_spec(obj), {})

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_update(context, obj, old)
        drop_disabled_fields(_read_spec(obj), _read_spec(old))

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return [*validate_slice_spec(_read_spec(obj), None)]

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_slice_spec(_read_spec(obj), _read_spec(old))]

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        driver = _read_spec(obj).get("driver", "")
        if driver == driver.lower():
            return []
        shown = quoted(driver)
        text = f"driver names should be lowercase; {shown} contains uppercase characters"
        return [f"spec.driver: {text}"]


def _read_spec(obj: JsonObject) -> JsonObject:
    return obj.get("spec") or {}
