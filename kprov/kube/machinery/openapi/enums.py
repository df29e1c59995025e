"""The values that OpenAPI documents list for fields of enumerated types; `kubectl explain` shows them.

enums.txt has a line a type, tabs between its words: its definition's name without "io.k8s.", then
FIELD=VALUE|VALUE in the order of publication. FIELD[] is for a list's items, FIELD{} for a map's values.
Source: the +enum markers of staging/src/k8s.io/api.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any, Final

_INNER: Final = {"[]": "items", "{}": "additionalProperties"}


@cache
def _types() -> dict[str, tuple[tuple[str, tuple[str, ...]], ...]]:
    text = files(__package__).joinpath("enums.txt").read_text(encoding="ascii")
    found = {}
    for line in text.splitlines():
        name, *words = line.split("\t")
        pairs = (word.split("=", 1) for word in words)
        found[name] = tuple((field, tuple(values.split("|"))) for field, values in pairs)
    return found


def add(definition: str, schema: dict[str, Any]) -> None:
    """Write the values into the fields of a type's schema, and their list into the text of plain fields."""
    for field, values in _types().get(definition.removeprefix("io.k8s."), ()):
        inner = _INNER.get(field[-2:])
        held = schema["properties"][field[:-2] if inner else field]
        if inner:
            held[inner]["enum"] = list(values)
        else:
            held["enum"] = list(values)
            held["description"] = f"{held['description']}\n\nPossible enum values:\n{_listed(values)}"


def _listed(values: Iterable[str]) -> str:
    return "\n".join(f' - `"{value}"`' for value in values)
