"""Opaque parameters for drivers of devices.

Source: upstream pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

import json
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.podspec.volumes import check_csi_driver_name
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

_PARAMETERS_MAX: Final = 10 * 1024
_OMITTED: Final = "<value omitted>"
CONFIG_MAX: Final = 32


def validate_configuration(config: JsonObject, path: str, *, stored: bool = False) -> Errors:
    """Field rules of opaque parameters. stored: the old object has them, so their size is not checked."""
    opaque = config.get("opaque")
    if opaque is None:
        yield field.required(f"{path}.opaque")
        return
    yield from check_csi_driver_name(opaque.get("driver", ""), f"{path}.opaque.driver")
    limit = None if stored else _PARAMETERS_MAX
    yield from check_raw_object(opaque.get("parameters"), f"{path}.opaque.parameters", limit)


def check_raw_object(value: Any, path: str, limit: int | None = _PARAMETERS_MAX) -> Errors:
    """Check that a value is a JSON object of a limited size."""
    if value is None:
        yield field.required(path)
    elif limit is not None and _count_json_bytes(value) > limit:
        yield field.too_long(path, limit)
    elif not isinstance(value, dict):
        yield field.invalid(path, _OMITTED, "must be a valid JSON object")


def _count_json_bytes(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())
