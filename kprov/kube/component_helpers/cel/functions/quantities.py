"""Quantities: `quantity("1.5Gi").isGreaterThan(quantity("1Gi"))`."""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.component_helpers.cel.functions.declaration import (
    BOOL,
    DOUBLE,
    INT,
    STRING,
    Declaration,
    function,
    member,
)
from kprov.kube.component_helpers.cel.types import QUANTITY, make
from kprov.kube.machinery.quantity import Quantity, QuantityError


def encode_quantity(text: str | float) -> Any:
    """Return a quantity as CEL sees it. Raise QuantityError."""
    return _wrap(Quantity.parse(text))


def _wrap(quantity: Quantity) -> Any:
    return make(QUANTITY, nanos=str(quantity.nanos))


def _unwrap(value: Any) -> Quantity:
    return Quantity(int(value.nanos))


def _is_quantity(text: str) -> bool:
    try:
        Quantity.parse(text)
    except QuantityError:
        return False
    return True


def _compare(left: Any, right: Any) -> int:
    difference = _unwrap(left).nanos - _unwrap(right).nanos
    return (difference > 0) - (difference < 0)


def _is_integer(value: Any) -> bool:
    quantity = _unwrap(value)
    return quantity == Quantity.of(quantity.value)


def _to_integer(value: Any) -> int:
    if not _is_integer(value):
        raise ValueError("cannot convert value to integer")
    return _unwrap(value).value


_ONE: Final = (QUANTITY,)
_TWO: Final = (QUANTITY, QUANTITY)
_WITH_INT: Final = (QUANTITY, INT)
DECLARATIONS: Final[tuple[Declaration, ...]] = (
    function("quantity", (STRING,), QUANTITY, encode_quantity),
    function("isQuantity", (STRING,), BOOL, _is_quantity),
    member("compareTo", _TWO, INT, _compare),
    member("isGreaterThan", _TWO, BOOL, lambda left, right: _compare(left, right) > 0),
    member("isLessThan", _TWO, BOOL, lambda left, right: _compare(left, right) < 0),
    member("add", _TWO, QUANTITY, lambda left, right: _wrap(_unwrap(left) + _unwrap(right))),
    member("add", _WITH_INT, QUANTITY, lambda left, right: _wrap(_unwrap(left) + Quantity.of(right))),
    member("sub", _TWO, QUANTITY, lambda left, right: _wrap(_unwrap(left) - _unwrap(right))),
    member("sub", _WITH_INT, QUANTITY, lambda left, right: _wrap(_unwrap(left) - Quantity.of(right))),
    member("sign", _ONE, INT, lambda value: (_unwrap(value).nanos > 0) - (_unwrap(value).nanos < 0)),
    member("isInteger", _ONE, BOOL, _is_integer),
    member("asInteger", _ONE, INT, _to_integer),
    member("asApproximateFloat", _ONE, DOUBLE, lambda value: float(_unwrap(value))),
)
