"""Names of field managers, and the entries of metadata.managedFields.

Source: upstream staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from kprov.kube.machinery import field
from kprov.kube.machinery.field import FieldError

_NAME_MAX: Final = 128
_SUBRESOURCE_MAX: Final = 256


def check_manager_name(manager: str, path: str) -> Iterator[FieldError]:
    """Check the name of a field manager; "" is accepted."""
    if manager.isascii() and manager.isprintable() and len(manager) <= _NAME_MAX:
        return
    if len(manager.encode()) > _NAME_MAX:
        yield field.too_long(path, _NAME_MAX)
    place = 0
    for character in manager:
        if not character.isprintable():
            text = f"invalid character U+{ord(character):04X} (at position {place})"
            yield field.invalid(path, manager, text)
        place += len(character.encode())


def validate_managed_fields(entries: Sequence[dict[str, Any]] | None) -> Iterator[FieldError]:
    """Field rules of metadata.managedFields."""
    for index, entry in enumerate(entries or ()):
        path = f"metadata.managedFields[{index}]"
        if entry.get("operation") not in {"Apply", "Update"}:
            yield field.invalid(
                f"{path}.operation", entry.get("operation", ""), "must be `Apply` or `Update`"
            )
        if entry.get("fieldsType", "") not in {"", "FieldsV1"}:
            yield field.invalid(f"{path}.fieldsType", entry["fieldsType"], "must be `FieldsV1`")
        yield from check_manager_name(entry.get("manager", ""), f"{path}.manager")
        if len(entry.get("subresource", "").encode()) > _SUBRESOURCE_MAX:
            yield field.too_long(f"{path}.subresource", _SUBRESOURCE_MAX)
