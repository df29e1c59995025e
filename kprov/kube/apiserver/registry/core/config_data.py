"""Data of config maps and secrets: keys, size and the immutable field.

Source: upstream pkg/apis/core/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.machinery import field, names
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

DATA_BYTES_MAX: Final = 1024 * 1024
_IMMUTABLE_SET: Final = "field is immutable when `immutable` is set"


def validate_immutable_data(obj: JsonObject, old: JsonObject, *parts: str) -> list[FieldError]:
    """Refuse changes of an immutable config map or secret."""
    if not old.get("immutable"):
        return []
    errors = [] if obj.get("immutable") else [field.forbidden("immutable", _IMMUTABLE_SET)]
    return errors + [
        field.forbidden(part, _IMMUTABLE_SET)
        for part in parts
        if (obj.get(part) or {}) != (old.get(part) or {})
    ]


def validate_data_keys(path: str, data: JsonObject) -> list[FieldError]:
    return [
        field.invalid(f"{path}[{key}]", key, text) for key in data for text in names.is_config_map_key(key)
    ]


def count_decoded_bytes(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")
