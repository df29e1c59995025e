"""Functions of Kubernetes' CEL environment that the library lacks, such as those of quantities.

Quantities and versions are maps in CEL, because the library has no types of its own for them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from kprov.kube.machinery.quantity import Quantity, QuantityError
from kprov.kube.scheduler.devices.cel_rewriting import DOMAIN, OPTIONAL_FIELD

_NANOS: Final = "quantity"
_VERSION: Final = "semver"
_NUMBER: Final = r"(?:0|[1-9]\d*)"
_SEMVER: Final = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII
)

Value = dict[str, Any]


def encode_quantity(text: str | float) -> Value:
    """A quantity as CEL sees it. Raises QuantityError."""
    return _wrap(Quantity.parse(text))


def encode_version(text: str) -> Value:
    """A semantic version as CEL sees it. Raises ValueError."""
    if _SEMVER.fullmatch(text) is None:
        raise ValueError(f"No Major.Minor.Patch elements found: {text}")
    return {_VERSION: text}


def build_functions(optional: Any) -> dict[str, Callable[..., Any]]:
    """All functions by name. optional: the library's class of optional values."""

    def find_field(holder: Any, key: Any) -> Any:
        if isinstance(holder, optional):
            if not holder.has_value():
                return holder
            holder = holder.value()
        if isinstance(holder, list):
            found = holder[key : key + 1] if key >= 0 else []
        else:
            found = [holder[key]] if key in holder else []
        return optional.of(found[0]) if found else optional.none()

    return {
        OPTIONAL_FIELD: find_field,
        # Unknown domains are empty.
        DOMAIN: lambda domains, name: domains.get(name, {}),
        "quantity": encode_quantity,
        "isQuantity": lambda text: _is_valid(encode_quantity, text),
        "semver": encode_version,
        "isSemver": lambda text: _is_valid(encode_version, text),
        "compareTo": _compare,
        "isGreaterThan": lambda left, right: _compare(left, right) > 0,
        "isLessThan": lambda left, right: _compare(left, right) < 0,
        "add": lambda left, right: _wrap(_unwrap(left) + _to_quantity(right)),
        "sub": lambda left, right: _wrap(_unwrap(left) - _to_quantity(right)),
        "sign": lambda value: (_unwrap(value).nanos > 0) - (_unwrap(value).nanos < 0),
        "isInteger": lambda value: _unwrap(value) == Quantity.of(_unwrap(value).value),
        "asInteger": _to_integer,
        "asApproximateFloat": lambda value: float(_unwrap(value)),
        "major": lambda version: _parse_version(version)[0][0],
        "minor": lambda version: _parse_version(version)[0][1],
        "patch": lambda version: _parse_version(version)[0][2],
    }


def _wrap(quantity: Quantity) -> Value:
    # Nano units may exceed 64 bits.
    return {_NANOS: str(quantity.nanos)}


def _unwrap(value: Mapping[str, Any]) -> Quantity:
    return Quantity(int(value[_NANOS]))


def _to_quantity(value: Any) -> Quantity:
    return Quantity.of(value) if isinstance(value, int) else _unwrap(value)


def _to_integer(value: Mapping[str, Any]) -> int:
    quantity = _unwrap(value)
    if quantity != Quantity.of(quantity.value):
        raise ValueError("cannot convert value to integer")
    return quantity.value


def _is_valid(parse: Callable[[str], Value], text: str) -> bool:
    try:
        parse(text)
    except (QuantityError, ValueError):
        return False
    return True


def _compare(left: Mapping[str, Any], right: Mapping[str, Any]) -> int:
    """-1, 0 or 1, for two quantities or two versions."""
    if _VERSION in left:
        mine, other = _parse_version(left), _parse_version(right)
        return (mine > other) - (mine < other)
    difference = _unwrap(left).nanos - _unwrap(right).nanos
    return (difference > 0) - (difference < 0)


def _parse_version(
    value: Mapping[str, Any],
) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
    """By the order of Semantic Versioning: a pre-release comes before its release, numbers before words."""
    match = _SEMVER.fullmatch(value[_VERSION])
    if match is None:
        raise ValueError(f"No Major.Minor.Patch elements found: {value[_VERSION]}")
    numbers = (int(match[1]), int(match[2]), int(match[3]))
    parts = match[4].split(".") if match[4] else []
    order = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, "" if part.isdigit() else part)
        for part in parts
    )
    return numbers, not parts, order
