"""Attributes of devices.

Source: upstream pkg/apis/resource/validation/validation.go (validateDeviceAttribute).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.apiserver.registry.resource.device_lists import check_map
from kprov.kube.apiserver.registry.resource.device_names import check_qualified_name
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

#: The length of a domain, a slash and an identifier.
KEY_BYTES_MAX: Final = 63 + 1 + 32
_VALUE_MAX: Final = 64
#: Attributes with several values, which the gate DRAListTypeAttributes enables.
LIST_TYPES: Final = ("bools", "ints", "strings", "versions")
_SINGLE_TYPES: Final = ("bool", "int", "string", "version")
_NUMBER: Final = r"(0|[1-9]\d*)"
_PRE_RELEASE: Final = r"(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD: Final = r"[0-9a-zA-Z-]+"
_SEMVER: Final = re.compile(
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_PRE_RELEASE}(\.{_PRE_RELEASE})*)?(\+{_BUILD}(\.{_BUILD})*)?",
    re.ASCII,
)
_ONE_VALUE: Final = "exactly one value must be specified"


def validate_attributes(values: Mapping[str, Any] | None, path: str) -> Errors:
    yield from check_map(values, path, None, KEY_BYTES_MAX, check_qualified_name, _validate_attribute)


def count_attribute_values(values: Mapping[str, Any] | None) -> int:
    """Return the number of values. Each item of a list counts."""
    return sum(
        sum(len(attribute.get(part) or ()) for part in LIST_TYPES) or 1
        for attribute in (values or {}).values()
    )


def _validate_attribute(attribute: JsonObject, path: str) -> Errors:
    value_types = [part for part in (*_SINGLE_TYPES, *LIST_TYPES) if attribute.get(part) is not None]
    if "string" in value_types:
        yield from _validate_text(attribute["string"], f"{path}.string")
    if "version" in value_types:
        yield from _validate_version(attribute["version"], f"{path}.version")
    for part in LIST_TYPES:
        if part in value_types and not attribute[part]:
            yield field.invalid(f"{path}.{part}", attribute[part], "must not be empty if specified")
    for where, text in enumerate_items(attribute.get("strings"), f"{path}.strings"):
        yield from _validate_text(text, where)
    for where, text in enumerate_items(attribute.get("versions"), f"{path}.versions"):
        yield from _validate_version(text, where)
    if len(value_types) != 1:
        yield field.invalid(path, attribute if value_types else "", _ONE_VALUE)


def _validate_text(text: str, path: str) -> Errors:
    if len(text.encode()) > _VALUE_MAX:
        yield field.too_long(path, _VALUE_MAX)


def _validate_version(text: str, path: str) -> Errors:
    if not _SEMVER.fullmatch(text):
        yield field.invalid(path, text, "must be a string compatible with semver.org spec 2.0.0")
    yield from _validate_text(text, path)
