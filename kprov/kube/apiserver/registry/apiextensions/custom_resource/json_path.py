"""The JSONPath of definitions: columns, selectable fields, replicas.

The subset that definitions use: fields, indexes, wildcards and filters by equality.
Source: client-go/util/jsonpath, apiextensions-apiserver/pkg/registry/customresource/tableconvertor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

_STEP: Final = re.compile(
    r"""\.?(?:
        \[\?\(\s*@(?P<left>[^=!<>\s]+)\s*(?P<operator>==|!=)\s*(?P<right>"[^"]*"|'[^']*'|[^\s)]+)\s*\)\]
      | \[(?P<index>-?\d+)\]
      | \[(?P<star>\*)\]
      | \[(?:'(?P<quoted>[^']*)'|"(?P<double>[^"]*)")\]
      | (?P<word>(?:[^.\[\]\\]|\\.)+)
    )""",
    re.VERBOSE,
)


class JsonPathError(ValueError):
    """The path is not in the supported subset."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a field, an index, all items ("*"), or a filter (path, operator, value)."""

    field: str | None = None
    index: int | None = None
    condition: tuple[tuple[Step, ...], str, Any] | None = None


Path = tuple[Step, ...]
_EVERYTHING: Final = Step()


def parse(text: str) -> Path:
    """Parse ".spec.replicas" or ".status.conditions[?(@.type=='Ready')].status". Raise JsonPathError."""
    steps: list[Step] = []
    place = 0
    text = text.removeprefix("{").removesuffix("}").removeprefix("$").removesuffix(".")
    while place < len(text):
        match = _STEP.match(text, place)
        if match is None:
            raise JsonPathError(text)
        place = match.end()
        steps.append(_build_step(match))
    return tuple(steps)


def _build_step(match: re.Match[str]) -> Step:
    if match["operator"]:
        right = match["right"]
        try:
            value = right[1:-1] if right[0] in "\"'" else orjson.loads(right)
        except ValueError:
            raise JsonPathError(right) from None
        return Step(condition=(parse(match["left"]), match["operator"], value))
    if match["index"]:
        return Step(index=int(match["index"]))
    if match["star"] or match["word"] == "*":
        return _EVERYTHING
    word = match["word"]
    if word is not None:
        return Step(field=re.sub(r"\\(.)", r"\1", word))
    return Step(field=match["quoted"] if match["quoted"] is not None else match["double"])


def find(path: Path, obj: Any) -> list[Any]:
    """Return all values at a path. A missing field has none."""
    values = [obj]
    for step in path:
        values = [child for value in values for child in _list_children(step, value)]
    return values


def find_text(path: Path, obj: Any) -> str:
    """Return the value of a selectable field as text, "" if it is missing."""
    values = find(path, obj)
    return format_scalar(values[0]) if values and values[0] is not None else ""


def format_scalar(value: Any) -> str:
    """Format a value as Go prints it."""
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()


def _list_children(step: Step, value: Any) -> Iterator[Any]:
    if step.field is not None:
        if isinstance(value, dict) and step.field in value:
            yield value[step.field]
    elif step.index is not None:
        if isinstance(value, list) and -len(value) <= step.index < len(value):
            yield value[step.index]
    else:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        for child in children:
            if step.condition is None or _is_match(step.condition, child):
                yield child


def _is_match(condition: tuple[Path, str, Any], value: Any) -> bool:
    path, operator, wanted = condition
    values = find(path, value)
    if not values:
        return False
    return (values[0] == wanted) is (operator == "==")
