"""The operations of the published OpenAPI, over definitions small enough to make requests from.

A pod has 1,700 fields: drawn whole, a body takes seconds, is tens of kilobytes long and is refused for its first
wrong field. So each round leaves every definition a few fields of its own choosing; rounds differ, and kinds keep
what their rules begin with.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any, Final

import schemathesis
from schemathesis.core.result import Ok

#: Fields a definition keeps, besides those it requires.
_FIELDS: Final = 4
#: Items of a list or map.
_ITEMS: Final = 3
_OF_EVERY_KIND: Final = ("apiVersion", "kind", "metadata", "spec", "status")


def operations(document: dict[str, Any], chance: Random) -> list[Any]:
    """All of an OpenAPI v2 document, in any order, with definitions thinned by `chance`."""
    small = document | {
        "definitions": {
            name: _few_items(_thinned(definition, chance))
            for name, definition in document["definitions"].items()
        }
    }
    found = list(_read(small))
    chance.shuffle(found)
    return found


def _read(document: dict[str, Any]) -> Iterator[Any]:
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        operation: Any = found.ok() if isinstance(found, Ok) else None
        assert operation is not None, found
        yield operation


def _thinned(definition: dict[str, Any], chance: Random) -> dict[str, Any]:
    fields = definition.get("properties", {})
    kept = set(definition.get("required", ()))
    if "x-kubernetes-group-version-kind" in definition:
        kept.update(_OF_EVERY_KIND)
    others = sorted(set(fields) - kept)
    kept.update(chance.sample(others, min(_FIELDS, len(others))))
    if kept.issuperset(fields):
        return definition
    return definition | {"properties": {name: value for name, value in fields.items() if name in kept}}


def _few_items(schema: Any) -> Any:
    """A schema whose lists and maps are short."""
    if not isinstance(schema, dict):
        return schema
    short = {name: _few_items(value) for name, value in schema.items()}
    if short.get("type") == "array":
        short["maxItems"] = _ITEMS
    elif "additionalProperties" in short:
        short["maxProperties"] = _ITEMS
    return short
