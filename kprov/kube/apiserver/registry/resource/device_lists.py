"""Lists and maps with a limited size or distinct keys.

Source: upstream pkg/apis/resource/validation/validation.go.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from kprov.kube.apiserver.registry.generic.checks import Errors, enumerate_items
from kprov.kube.machinery import field

Rule = Callable[[Any, str], Errors]
REQUESTS_MAX: Final = 32
_KEY_SHOWN_MIN: Final = 16


def check_limited_list(items: Sequence[Any] | None, path: str, limit: int, rule: Rule) -> Errors:
    """Check the length of a list, then each item. A list that is too long has one error only."""
    if items is not None and len(items) > limit:
        yield field.too_many(path, len(items), limit)
        return
    for where, item in enumerate_items(items, path):
        yield from rule(item, where)


def check_distinct_list(
    items: Sequence[Any] | None,
    path: str,
    limit: int | None,
    rule: Rule,
    key: Callable[[Any], Hashable] = lambda item: item,
) -> Errors:
    """As check_limited_list, and keys must differ. limit None: any length."""
    yield from check_limited_list(items, path, len(items or ()) if limit is None else limit, rule)
    if limit is not None and len(items or ()) > limit:
        return
    seen: set[Hashable] = set()
    for where, item in enumerate_items(items, path):
        known = key(item)
        if known in seen:
            yield field.duplicate(where, known)
        seen.add(known)


def check_map(
    values: Mapping[str, Any] | None,
    path: str,
    limit: int | None,
    shown: int,
    key: Rule,
    rule: Rule | None = None,
) -> Errors:
    """Check the size, keys and values of a map. shown: the length of keys in the paths of errors."""
    if limit is not None and len(values or ()) > limit:
        yield field.too_many(path, len(values or ()), limit)
        return
    for name, value in (values or {}).items():
        yield from key(name, path)
        if rule is not None:
            yield from rule(value, f"{path}[{_shorten(name, shown)}]")


def _shorten(text: str, limit: int) -> str:
    """Cut out the middle of a text that is too long."""
    limit = max(limit, _KEY_SHOWN_MIN)
    held = text.encode()
    if len(held) <= limit:
        return text
    rest = limit - 3
    return (held[: (rest + 1) // 2] + b"..." + held[len(held) - rest // 2 :]).decode(errors="replace")
