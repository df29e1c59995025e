"""Lists and sets: ``[1, 2].sum()``, ``sets.contains([1, 2], [1])``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any, Final

from kprov.kube.component_helpers.cel.functions.declaration import (
    BOOL,
    DYN,
    INT,
    LIST,
    Declaration,
    function,
    member,
)


def _sum(values: Sequence[Any]) -> Any:
    if not values:
        return 0
    if not all(isinstance(value, int | float | timedelta) for value in values):
        raise ValueError("no such overload")
    return reduce(add, values)


def _find_min(values: Sequence[Any]) -> Any:
    if not values:
        raise ValueError("min called on empty list")
    return min(values)


def _find_max(values: Sequence[Any]) -> Any:
    if not values:
        raise ValueError("max called on empty list")
    return max(values)


def _find_index(values: Sequence[Any], wanted: Any) -> int:
    return next((index for index, value in enumerate(values) if value == wanted), -1)


def _find_last_index(values: Sequence[Any], wanted: Any) -> int:
    return next((index for index in range(len(values) - 1, -1, -1) if values[index] == wanted), -1)


def _contains_all(values: Sequence[Any], wanted: Sequence[Any]) -> bool:
    return all(each in values for each in wanted)


_ONE: Final = (LIST,)
_TWO: Final = (LIST, LIST)
DECLARATIONS: Final[tuple[Declaration, ...]] = (
    member("isSorted", _ONE, BOOL, lambda values: all(a <= b for a, b in pairwise(values))),
    member("sum", _ONE, DYN, _sum),
    member("min", _ONE, DYN, _find_min),
    member("max", _ONE, DYN, _find_max),
    member("indexOf", (LIST, DYN), INT, _find_index),
    member("lastIndexOf", (LIST, DYN), INT, _find_last_index),
    function("sets.contains", _TWO, BOOL, _contains_all),
    function("sets.equivalent", _TWO, BOOL, lambda a, b: _contains_all(a, b) and _contains_all(b, a)),
    function("sets.intersects", _TWO, BOOL, lambda a, b: any(each in a for each in b)),
)
