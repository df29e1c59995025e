"""Each field of each sample, wrong in several ways: what a create refuses, and with which causes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.upstream import samples
from tests.upstream.steps import REMOVED, Step, change_at

#: Values that most fields refuse, beside those of the wrong type.
_TEXTS = ("", "Not Valid_!", "x" * 300)
_NUMBERS = (-1, 0, 70000)


def steps() -> Iterator[Step]:
    for kind in samples.kinds():
        body = samples.find(kind)
        for path, value in leaves(body):
            for wrong in _wrong_values(value):
                label = f"{kind} {path} {json.dumps(wrong)[:20]}"
                yield Step(label, f"POST {kind}?dryRun=All", change_at(body, {path: wrong}))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every path below spec, metadata and the rest, with its value; objects and lists are paths too."""
    if path and path not in {"apiVersion", "kind", "metadata", "metadata/name"}:
        yield path, value
    items: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = iter(enumerate(value))
    for key, item in items:
        name = str(key).replace("/", "~1")
        if name not in {"apiVersion", "kind"} or path:
            yield from leaves(item, f"{path}/{name}".lstrip("/"))


def _wrong_values(value: Any) -> Iterator[Any]:
    yield REMOVED
    if isinstance(value, bool):
        yield "yes"
    elif isinstance(value, int):
        yield from _NUMBERS
        yield "1"
    elif isinstance(value, str):
        yield from _TEXTS
        yield 5
    elif isinstance(value, list):
        yield []
        yield [*value, *value]
        yield "text"
    else:
        yield {}
        yield None
        yield []
