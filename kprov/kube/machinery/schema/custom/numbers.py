"""Limits of numbers, with upstream's conversions.

Source: k8s.io/kube-openapi/pkg/validation/validate/{validator,values}.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kprov.kube.machinery.schema.custom.structural import Structural

_INT64: Final = 2**63
_INT32: Final = 2**31
_FLOAT32_MAX: Final = 3.4028234663852886e38
_JSON_INTEGER: Final = float(2**53 - 1)
_EPSILON: Final = 1e-9

Number = int | float


def fits_int64(value: int) -> bool:
    """Whether Go decodes the number as an integer. Larger ones become floating point numbers."""
    return -_INT64 <= value < _INT64


def is_json_integer(value: float) -> bool:
    """Whether a floating point number counts as an integer."""
    if not -_JSON_INTEGER <= value <= _JSON_INTEGER:
        return False
    whole = float(round(value))
    difference = abs(value - whole)
    return not difference or (whole != 0 and difference / (abs(value) + abs(whole)) < _EPSILON)


def format_number(value: Number) -> str:
    """Return a number as Go's %v prints it."""
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e21:
        return str(int(value))
    return repr(value)


def find_problems(schema: Structural, value: Number) -> Iterator[tuple[bool, str]]:
    """Yield broken limits as (whether the path comes first in the text, text)."""
    if type(value) is int and not fits_int64(value):
        value = float(value)
    yield from _check_range(schema, value, "Checked")
    if schema.multiple_of is not None:
        yield from _check_multiple(schema, value, schema.multiple_of)
    if schema.minimum is not None:
        refused, limit = [*_check_range(schema, schema.minimum, "Minimum boundary")], schema.minimum
        yield from refused
        limit = limit if refused or type(value) is float else _truncate(limit)
        if value < limit or (schema.exclusive_minimum and value == limit):
            words = "greater than" if schema.exclusive_minimum else "greater than or equal to"
            yield True, f"should be {words} {format_number(limit)}"
    if schema.maximum is not None:
        refused, limit = [*_check_range(schema, schema.maximum, "Maximum boundary")], schema.maximum
        yield from refused
        limit = limit if refused or type(value) is float else _truncate(limit)
        if value > limit or (schema.exclusive_maximum and value == limit):
            words = "less than" if schema.exclusive_maximum else "less than or equal to"
            yield True, f"should be {words} {format_number(limit)}"


def _truncate(limit: Number) -> int:
    return max(-_INT64, min(int(limit), _INT64 - 1))


def _check_multiple(schema: Structural, value: Number, factor: Number) -> Iterator[tuple[bool, str]]:
    refused = [*_check_range(schema, factor, "MultipleOf")]
    yield from refused
    if type(value) is int and not refused:
        factor = _truncate(factor)
    if factor <= 0:
        yield False, f"factor MultipleOf declared for %s must be positive: {format_number(factor)}"
    elif type(value) is int and type(factor) is int:
        if value % factor:
            yield True, f"should be a multiple of {format_number(factor)}"
    elif not is_json_integer(1 / factor * value if factor < 1 else value / factor):
        yield True, f"should be a multiple of {format_number(factor)}"


def _check_range(schema: Structural, value: Number, prefix: str) -> Iterator[tuple[bool, str]]:
    """Check that a number fits the type and format. The text has %s for the path."""
    kind = schema.types[0] if len(schema.types) == 1 else ""
    form = schema.format
    if kind == "integer":
        limit = _INT32 if form == "int32" else _INT64
        fits = (type(value) is int or float(value).is_integer()) and -limit <= value < limit
    else:
        fits = not (kind == "number" and form == "float") or abs(value) <= _FLOAT32_MAX
    if not fits:
        about = f"with format {form}" if form else "(default format)"
        yield False, f"{prefix} value must be of type {kind} {about} in %s"
