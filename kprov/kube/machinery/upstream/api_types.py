"""Go types of the API as the generated file describes them, read one type at a time.

RELEASE.json has a line for each type: the name of its OpenAPI definition without "io.k8s.", then its facts.
A line is parsed when its type is needed, so that a server holds little more than the text of the file.
tools/upstream writes the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import orjson

RELEASE: Final = "1.36"
TYPE_META: Final = "apimachinery.pkg.apis.meta.v1.TypeMeta"
INTEGERS: Final = frozenset({"int", "int32", "int64", "byte", "uint8", "uint32", "uint64"})


class GoField(NamedTuple):
    """A field of a struct.

    name: in JSON, "" for an embedded struct, whose fields belong to its owner. go_type: as Go writes it, with
    names of definitions ("[]api.core.v1.Container"). number: in protobuf, 0 for none. default: of the
    +default marker, None for none.
    """

    name: str
    go_name: str
    go_type: str
    omitempty: bool
    omitzero: bool
    number: int
    default: Any


class GoType(NamedTuple):
    """A named type. custom: it writes its own JSON. underlying: "" for a struct. enum: its values, sorted."""

    custom: bool
    underlying: str
    enum: tuple[str, ...]
    fields: tuple[GoField, ...]


def find(name: str) -> GoType | None:
    """Return the type of a definition ("api.core.v1.Pod"). None if unknown.

    Callers cache what they derive.
    """
    line = _read_lines().get(name)
    if line is None:
        return None
    facts = orjson.loads(line)
    fields = tuple(map(_field, facts.get("fields", ())))
    return GoType(facts.get("custom", False), facts.get("type", ""), tuple(facts.get("enum", ())), fields)


def flatten(described: GoType) -> Iterator[GoField]:
    """Yield the fields of a struct as its JSON has them, with those of embedded structs.

    TypeMeta is left out.
    """
    for field in described.fields:
        if field.name:
            yield field
        elif field.go_type != TYPE_META:
            yield from flatten(get(field.go_type))


@cache
def _read_lines() -> dict[str, bytes]:
    """Return the facts of all types as JSON, by the type's name."""
    text = files(__package__).joinpath(f"{RELEASE}.json").read_bytes()
    _, _, types = text.partition(b'"types": {\n')
    pairs = (line.split(b": ", 1) for line in types.splitlines() if line.startswith(b'"'))
    return {name[1:-1].decode(): facts.removesuffix(b",") for name, facts in pairs}


def _field(facts: dict[str, Any]) -> GoField:
    return GoField(
        facts["name"],
        facts["go"],
        facts["type"],
        facts.get("omitempty", False),
        facts.get("omitzero", False),
        facts.get("number", 0),
        facts.get("default"),
    )


def get(name: str) -> GoType:
    """Return a type that a field refers to. KeyError for one that is not in the file."""
    definition = find(name)
    if definition is None:
        raise KeyError(name)
    return definition


def is_named(go_type: str) -> bool:
    """Whether it is a type of the file: not a pointer, list or map, and not one of Go's own types."""
    return "." in go_type and go_type[0] not in "*[" and not go_type.startswith("map[")


def is_struct(name: str) -> bool:
    """Whether a named type is a struct whose JSON is that of its fields. Parses nothing."""
    line = _read_lines()[name]
    return line.startswith(b'{"fields":') or line == b"{}"


def resolve(go_type: str) -> str:
    """Return the underlying type of a named type: "string" for PodPhase. Others stay."""
    while is_named(go_type) and not is_struct(go_type):
        definition = get(go_type)
        if not definition.underlying:
            break
        go_type = definition.underlying
    return go_type


def split_map(go_type: str) -> tuple[str, str]:
    """Return the types of a map's keys and values."""
    key, _, value = go_type.removeprefix("map[").partition("]")
    return key, value


def print_name(go_type: str) -> str:
    """Return a type as Go prints it: "[]v1.Container" for "[]api.core.v1.Container". Pointers stay."""
    if go_type.startswith("*"):
        return "*" + print_name(go_type[1:])
    if go_type.startswith("[]"):
        return "[]" + print_name(go_type[2:])
    if go_type.startswith("map["):
        key, value = split_map(go_type)
        return f"map[{print_name(key)}]{print_name(value)}"
    return ".".join(go_type.split(".")[-2:])
