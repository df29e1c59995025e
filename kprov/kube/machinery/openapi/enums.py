"""The values that OpenAPI documents list for fields of enumerated types. `kubectl explain` shows them.

Derived from the +enum markers of upstream's API types (machinery/upstream).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kprov.kube.machinery.upstream import api_types


def add_enums(definition: str, schema: dict[str, Any]) -> None:
    """Write the values into the fields of a type's schema, and their list into the text of plain fields."""
    for field, inner, values in fields(definition):
        field_schema = schema["properties"][field]
        if inner:
            field_schema[inner]["enum"] = list(values)
        else:
            field_schema["enum"] = list(values)
            field_schema["description"] = (
                f"{field_schema['description']}\n\nPossible enum values:\n{_list(values)}"
            )


def fields(definition: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the enumerated fields of a type: name, enumerated part of its schema ("": all), values."""
    described = api_types.find(definition.removeprefix("io.k8s."))
    if described is None:
        return
    for field in api_types.flatten(described):
        inner, go_type = _split(field.go_type)
        values = api_types.get(go_type).enum if api_types.is_named(go_type) else ()
        if values:
            yield field.name, inner, values


def _split(go_type: str) -> tuple[str, str]:
    """Return the key of the schema of items, and their type. For other types "" and the type itself."""
    go_type = go_type.removeprefix("*")
    whole = api_types.resolve(go_type)
    if whole.startswith("[]"):
        return "items", whole[2:]
    if whole.startswith("map["):
        return "additionalProperties", api_types.split_map(whole)[1]
    return "", go_type


def _list(values: Iterable[str]) -> str:
    return "\n".join(f' - `"{value}"`' for value in values)
