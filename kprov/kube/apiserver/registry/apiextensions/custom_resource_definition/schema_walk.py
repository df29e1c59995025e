"""Walk all schemas within a schema, without recursion: a user decides how deep they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from kprov.kube.machinery.json_object import JsonObject

#: Keywords whose value is a list of schemas.
LISTS: Final = ("allOf", "anyOf", "oneOf")
#: Keywords whose value is an object with a schema for each name.
_MAPS: Final = ("properties", "definitions", "patternProperties")


@dataclass(frozen=True, slots=True)
class SchemaPath:
    """Where a schema is. The text is made for errors only: in deep schemas it is long."""

    step: str
    parent: SchemaPath | None = None

    def join(self, step: str) -> SchemaPath:
        """Return the path of a schema within this one."""
        return SchemaPath(step, self)

    def __str__(self) -> str:
        steps: list[str] = []
        path: SchemaPath | None = self
        while path is not None:
            steps.append(path.step)
            path = path.parent
        return ".".join(reversed(steps))


def iterate_schemas(schema: JsonObject) -> Iterator[JsonObject]:
    """Yield the schema and all schemas within it."""
    pending = [schema]
    while pending:
        current = pending.pop()
        yield current
        pending += list_children(current)


def list_children(schema: JsonObject) -> list[JsonObject]:
    """Return the schemas directly within a schema."""
    children: list[JsonObject] = []
    for name in LISTS:
        children += schema.get(name) or ()
    for name in _MAPS:
        children += (schema.get(name) or {}).values()
    for name in ("not", "additionalProperties", "additionalItems"):
        if isinstance(schema.get(name), dict):
            children.append(schema[name])
    items = schema.get("items")
    children += items if isinstance(items, list) else () if items is None else [items]
    dependencies = (schema.get("dependencies") or {}).values()
    children += [held for held in dependencies if isinstance(held, dict)]
    return children
