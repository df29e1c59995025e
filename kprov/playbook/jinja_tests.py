# Paths are used as the texts they arrive as.
# The signature is what callers expect.
# ruff: noqa: ARG005, PTH110, PTH112, PTH113, PTH114, PTH117
"""Ansible's tests (`is ...`) that Jinja2 does not have."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from kprov.playbook.filters import FilterError


def _status(key: str, result: Any) -> bool:
    if not isinstance(result, Mapping):
        raise FilterError(f"the test is for the result of a task, not for {result!r}")
    return bool(result.get(key, False))


def _parts(text: Any) -> list[tuple[int, int | str]]:
    return [
        (1, int(part)) if part.isdigit() else (0, part) for part in re.findall(r"\d+|[a-zA-Z]+", str(text))
    ]


def version(
    value: Any, other: Any, operator: str = "==", strict: bool | None = None, version_type: str | None = None
) -> bool:
    """Compare dotted versions: numbers as numbers, `1.2` is less than `1.2.1`."""
    del strict, version_type
    a, b = _parts(value), _parts(other)
    compare: dict[str, Callable[[], bool]] = {
        "==": lambda: a == b,
        "=": lambda: a == b,
        "eq": lambda: a == b,
        "!=": lambda: a != b,
        "<>": lambda: a != b,
        "ne": lambda: a != b,
        "<": lambda: a < b,
        "lt": lambda: a < b,
        "<=": lambda: a <= b,
        "le": lambda: a <= b,
        ">": lambda: a > b,
        "gt": lambda: a > b,
        ">=": lambda: a >= b,
        "ge": lambda: a >= b,
    }
    if operator not in compare:
        raise FilterError(f"version: {operator!r} is not an operator")
    return compare[operator]()


def _match(method: str) -> Callable[..., bool]:
    def test(value: Any, pattern: str = "", ignorecase: bool = False, multiline: bool = False) -> bool:
        flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
        return bool(getattr(re.compile(pattern, flags), method)(str(value)))

    return test


TESTS: dict[str, Callable[..., bool]] = {
    "failed": lambda r: _status("failed", r),
    "failure": lambda r: _status("failed", r),
    "succeeded": lambda r: not _status("failed", r),
    "success": lambda r: not _status("failed", r),
    "successful": lambda r: not _status("failed", r),
    "changed": lambda r: _status("changed", r),
    "change": lambda r: _status("changed", r),
    "skipped": lambda r: _status("skipped", r),
    "skip": lambda r: _status("skipped", r),
    "unreachable": lambda r: _status("unreachable", r),
    "reachable": lambda r: not _status("unreachable", r),
    "version": version,
    "version_compare": version,
    "match": _match("match"),
    "search": _match("search"),
    "regex": _match("search"),
    "subset": lambda a, b: set(a) <= set(b),
    "issubset": lambda a, b: set(a) <= set(b),
    "superset": lambda a, b: set(a) >= set(b),
    "issuperset": lambda a, b: set(a) >= set(b),
    "contains": lambda a, b: b in a,
    "any": lambda v: any(v),
    "all": lambda v: all(v),
    "truthy": lambda v, convert_bool=False: bool(v),
    "falsy": lambda v, convert_bool=False: not v,
    "exists": lambda p: os.path.exists(p),
    "file": lambda p: os.path.isfile(p),
    "directory": lambda p: os.path.isdir(p),
    "link": lambda p: os.path.islink(p),
    "abs": lambda p: os.path.isabs(p),
}
TESTS.update({f"ansible.builtin.{name}": test for name, test in list(TESTS.items())})
