"""Volume attributes classes.

Source: upstream pkg/registry/storage/volumeattributesclass/strategy.go,
pkg/apis/storage/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.apiserver.registry.storage.parameters import validate_parameters, validate_provisioner
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class VolumeAttributesClassStrategy(ResourceStrategy):
    returns_deleted = True

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_attributes_class(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_attributes_class_update(obj, old))


def validate_attributes_class(obj: JsonObject) -> Errors:
    yield from validate_provisioner(obj.get("driverName", ""), "driverName")
    yield from validate_parameters(obj.get("parameters") or {})
    if not obj.get("parameters"):
        yield field.required("parameters", "must contain at least one key/value pair")


def validate_attributes_class_update(obj: JsonObject, old: JsonObject) -> Errors:
    for part in ("driverName", "parameters"):
        if (obj.get(part) or None) != (old.get(part) or None):
            yield field.forbidden(part, f"updates to {part} are forbidden.")
    yield from validate_attributes_class(obj)
