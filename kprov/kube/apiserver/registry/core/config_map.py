"""Config maps.

Source: upstream pkg/registry/core/configmap/strategy.go, pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.core.config_data import (
    DATA_BYTES_MAX,
    count_decoded_bytes,
    validate_data_keys,
    validate_immutable_data,
)
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class ConfigMapStrategy(ResourceStrategy):
    def validate(self, obj: JsonObject) -> list[FieldError]:
        return validate_config_map(obj)

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return validate_config_map(obj) + validate_immutable_data(obj, old, "data", "binaryData")


def validate_config_map(obj: JsonObject) -> list[FieldError]:
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    errors = validate_data_keys("data", data) + validate_data_keys("binaryData", binary)
    errors += [
        field.invalid(f"data[{key}]", key, "duplicate of key present in binaryData")
        for key in data
        if key in binary
    ]
    size = sum(len(text.encode()) for text in data.values()) + sum(
        count_decoded_bytes(text) for text in binary.values()
    )
    if size > DATA_BYTES_MAX:
        errors.append(field.too_long("[]", DATA_BYTES_MAX))
    return errors
