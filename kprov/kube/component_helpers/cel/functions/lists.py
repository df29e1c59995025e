"""Lists and sets: `[1, 2].sum()`, `sets.contains([1, 2], [1])`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from itertools import pairwise
from operator import add
from typing import Any, Final

from kprov.kube.component_helpers.cel.bounds import LIMIT_TEXT
from kprov.kube.component_helpers.cel.functions.declaration import (
    BOOL,
    DYN,
    INT,
    LIST,
    Declaration,
    function,
    member,
)

#: An expression may not fill the memory.
_RANGE_MAX: Final = 10_000
#: About 20 ms.
_COMPARISONS_MAX: Final = 500_000


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
    if _are_strings(values) and _are_strings(wanted):
        return set(wanted) <= set(values)
    _check_comparisons(len(values) * len(wanted))
    return all(item in values for item in wanted)


def _contains_any(values: Sequence[Any], wanted: Sequence[Any]) -> bool:
    if _are_strings(values) and _are_strings(wanted):
        return not set(wanted).isdisjoint(values)
    _check_comparisons(len(values) * len(wanted))
    return any(item in values for item in wanted)


def _are_strings(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _check_comparisons(count: int) -> None:
    """Check how many comparisons the lists need.

    Only strings are hashed; all other values are compared in pairs.
    """
    if count > _COMPARISONS_MAX:
        raise ValueError(LIMIT_TEXT)


def _slice(values: Sequence[Any], start: int, end: int) -> list[Any]:
    if not 0 <= start <= end <= len(values):
        raise ValueError(f"cannot slice({start}, {end}), list is length {len(values)}")
    return list(values[start:end])


def _flatten(values: Sequence[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise ValueError("level must be non-negative")
    flat: list[Any] = []
    for value in values:
        flat += _flatten(value, depth - 1) if isinstance(value, list) and depth else [value]
    return flat


def _find_distinct(values: Sequence[Any]) -> list[Any]:
    if _are_strings(values):
        return list(dict.fromkeys(values))
    _check_comparisons(len(values) ** 2 // 2)
    distinct: list[Any] = []
    for value in values:
        if value not in distinct:
            distinct.append(value)
    return distinct


def _build_range(count: int) -> list[int]:
    if count > _RANGE_MAX:
        raise ValueError(f"lists.range: more than {_RANGE_MAX} items")
    return list(range(count))


_ONE: Final = (LIST,)
_TWO: Final = (LIST, LIST)
DECLARATIONS: Final[tuple[Declaration, ...]] = (
    member("isSorted", _ONE, BOOL, lambda values: all(a <= b for a, b in pairwise(values))),
    member("sum", _ONE, DYN, _sum),
    member("min", _ONE, DYN, _find_min),
    member("max", _ONE, DYN, _find_max),
    member("indexOf", (LIST, DYN), INT, _find_index),
    member("lastIndexOf", (LIST, DYN), INT, _find_last_index),
    member("slice", (LIST, INT, INT), LIST, _slice),
    member("flatten", _ONE, LIST, _flatten),
    member("flatten", (LIST, INT), LIST, _flatten),
    member("distinct", _ONE, LIST, _find_distinct),
    member("reverse", _ONE, LIST, lambda values: values[::-1]),
    member("sort", _ONE, LIST, sorted),
    function("lists.range", (INT,), "list<int>", _build_range),
    function("sets.contains", _TWO, BOOL, _contains_all),
    function("sets.equivalent", _TWO, BOOL, lambda a, b: _contains_all(a, b) and _contains_all(b, a)),
    function("sets.intersects", _TWO, BOOL, _contains_any),
)
