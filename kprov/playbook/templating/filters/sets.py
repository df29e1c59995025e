"""Lists as sets, in the order of first appearance (Ansible's order is undefined)."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Any

import jinja2
from jinja2 import pass_environment
from jinja2.filters import do_unique


def _unique(values: Iterable[Any]) -> list[Any]:
    items: list[Any] = []
    seen: set[Any] = set()
    for value in values:
        if isinstance(value, Hashable):
            if value not in seen:
                seen.add(value)
                items.append(value)
        elif value not in items:
            items.append(value)
    return items


@pass_environment
def unique(
    environment: jinja2.Environment, value: Any, case_sensitive: bool | None = None, attribute: Any = None
) -> list[Any]:
    """Return the distinct entries of a list, or entries with distinct attributes."""
    values = list(value)
    try:
        return list(do_unique(environment, values, bool(case_sensitive), attribute))
    except TypeError:
        if case_sensitive is False or attribute is not None:
            raise
        return _unique(values)


def _has(values: Any) -> Callable[[Any], bool]:
    items = list(values)
    try:
        hashed = set(items)
    except TypeError:
        return lambda item: item in items
    return lambda item: item in hashed if isinstance(item, Hashable) else item in items


def intersect(left: Any, right: Any) -> list[Any]:
    return list(filter(_has(right), _unique(left)))


def difference(left: Any, right: Any) -> list[Any]:
    is_in_other = _has(right)
    return [value for value in _unique(left) if not is_in_other(value)]


def symmetric_difference(left: Any, right: Any) -> list[Any]:
    return [*difference(left, right), *difference(right, left)]


def union(left: Any, right: Any) -> list[Any]:
    return _unique([*left, *right])


FILTERS: dict[str, Callable[..., Any]] = {
    "unique": unique,
    "intersect": intersect,
    "difference": difference,
    "symmetric_difference": symmetric_difference,
    "union": union,
}
