"""The rules of subresources and printer columns, and of the texts of deprecated versions.

Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

_COLUMN_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS: Final = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_LONGEST_WARNING: Final = 256


def check_fields(holder: JsonObject, path: str) -> Errors:
    """Check subresources and printer columns of a version or of a spec that shares them."""
    subresources = holder.get("subresources") or {}
    if subresources.get("scale") is not None:
        yield from _check_scale(subresources["scale"], f"{path}.subresources.scale")
    for index, column in enumerate(holder.get("additionalPrinterColumns") or ()):
        yield from _check_column(column, f"{path}.additionalPrinterColumns[{index}]")


def check_deprecation(version: JsonObject, path: str) -> Errors:
    """Check deprecationWarning."""
    warning = version.get("deprecationWarning")
    name = f"{path}.deprecationWarning"
    if warning is None:
        return
    if not version.get("deprecated"):
        yield field.invalid(name, warning, "can only be set for deprecated versions")
        return
    if len(warning.encode()) > _LONGEST_WARNING:
        yield field.invalid(name, warning, "must be <= 256 characters long")
    if not warning:
        yield field.invalid(name, warning, "must not be an empty string")
    offset = 0
    for letter in warning:
        if letter != " " and unicodedata.category(letter)[0] in "CZ":
            text = "must only contain printable UTF-8 characters; non-printable character found at index "
            yield field.invalid(name, warning, f"{text}{offset}")
            return
        offset += len(letter.encode())


def _check_scale(scale: JsonObject, path: str) -> Errors:
    for name, root in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        held = scale.get(name) or ""
        if not held:
            yield field.required(f"{path}.{name}")
        elif text := _explain_path(held):
            yield field.invalid(f"{path}.{name}", held, text)
        elif not held.startswith(root):
            yield field.invalid(f"{path}.{name}", held, f"should be a json path under {root[:-1]}")
    held = scale.get("labelSelectorPath") or ""
    if held and (text := _explain_path(held)):
        yield field.invalid(f"{path}.labelSelectorPath", held, text)
    elif held and not held.startswith((".spec.", ".status.")):
        text = "should be a json path under either .spec or .status"
        yield field.invalid(f"{path}.labelSelectorPath", held, text)


def _check_column(column: JsonObject, path: str) -> Errors:
    if not column.get("name"):
        yield field.required(f"{path}.name")
    held, text = column.get("type") or "", f"must be one of {','.join(_COLUMN_TYPES)}"
    if not held:
        yield field.required(f"{path}.type", text)
    elif held not in _COLUMN_TYPES:
        yield field.invalid(f"{path}.type", held, text)
    form = column.get("format") or ""
    if form and form not in _COLUMN_FORMATS:
        yield field.invalid(f"{path}.format", form, f"must be one of {','.join(_COLUMN_FORMATS)}")
    where = column.get("jsonPath") or ""
    if not where:
        yield field.required(f"{path}.JSONPath")
    elif text := _explain_path(where):
        yield field.invalid(f"{path}.JSONPath", where, text)


def _explain_path(text: str) -> str:
    return "" if text.startswith(".") else "must be a simple json path starting with ."
