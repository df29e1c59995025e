"""Field paths and field errors, as upstream's field.Error: the causes of an Invalid status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class FieldError:
    """One broken field rule.

    `reason` is upstream's CauseType (FieldValueInvalid, FieldValueRequired, FieldValueDuplicate,
    FieldValueNotSupported, FieldValueForbidden, FieldValueTooLong, FieldValueTooMany, FieldValueNotFound,
    InternalError); `detail` the whole text after the path, as upstream words it.
    """

    reason: str
    field: str
    detail: str

    @property
    def message(self) -> str:
        """Text in details.causes[].message."""
        return self.detail


class Verbatim(str):
    """A value that messages show unchanged, without quotes."""

    __slots__ = ()


def format_value(value: Any) -> str:
    """Return a value as messages show it: strings quoted, objects and lists as JSON."""
    import json

    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Verbatim):
        return value
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return "null"
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


#: Stands for a value that messages must not show.
OMITTED: Final = object()


def invalid(field: str, value: Any, detail: str) -> FieldError:
    if value is OMITTED:
        return FieldError("FieldValueInvalid", field, f"Invalid value: {detail}")
    text = f"Invalid value: {format_value(value)}"
    return FieldError("FieldValueInvalid", field, f"{text}: {detail}" if detail else text)


def required(field: str, detail: str = "") -> FieldError:
    return FieldError(
        "FieldValueRequired", field, f"Required value: {detail}" if detail else "Required value"
    )


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {format_value(value)}")


def not_supported(field: str, value: Any, supported: Sequence[str]) -> FieldError:
    names = ", ".join(f'"{name}"' for name in supported)
    text = f"Unsupported value: {format_value(value)}: supported values: {names}"
    return FieldError("FieldValueNotSupported", field, text)


def forbidden(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, f"Forbidden: {detail}")


def too_long(field: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def not_found(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", field, f"Not found: {format_value(value)}")


def too_many(field: str, actual: int, limit: int) -> FieldError:
    items = "item" if limit == 1 else "items"
    return FieldError("FieldValueTooMany", field, f"Too many: {actual}: must have at most {limit} {items}")


def internal(field: str, detail: str) -> FieldError:
    return FieldError("InternalError", field, f"Internal error: {detail}")
