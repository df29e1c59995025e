"""Names of Go's that no schema has: of types that are texts, and of structs whose fields stand in others.

go_types.txt has a line a type: its definition's name without "io.k8s.", then fields, each
NAME[+STRUCT[.STRUCT]][:TYPE]. STRUCT: embedded, and the field is one of its own. TYPE: where it is another
than the schema tells. What has a kind has it from an embedded TypeMeta.
Source: the Go types of staging/src/k8s.io; sigs.k8s.io/json (decode.go) for where they are told.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from kprov.kube.machinery.schema.nodes import ANY_NODE, Node

_PREFIX: Final = "io.k8s."
_TYPE_META: Final = {"kind", "apiVersion"}


class Field(NamedTuple):
    """What a schema does not tell of a field."""

    #: "" or those that lead to it, with a dot behind each.
    embedded: str
    #: "" for what the schema tells.
    go_type: str


_PLAIN: Final = Field("", "")
_OF_TYPE_META: Final = Field("TypeMeta.", "")


def place(root: Node, steps: Iterable[str | None]) -> tuple[str, str]:
    """Of a value within an object: the path that Go's decoder tells, and the name of its type.

    steps: fields' names from the object on; None is a step to an item of a list or a value of a map.
    """
    node, names, go_type = root, [], ""
    for step in steps:
        if step is None:
            go_type = of_items(go_type)
            node = node.item or ANY_NODE
        else:
            field = _field(node, step)
            names.append(field.embedded + step)
            go_type = field.go_type
            node = node.fields.get(step, ANY_NODE)
    return ".".join(names), go_type or node.go_name


def of_items(go_type: str) -> str:
    """The type of what is in a list or a map, "" where its name does not tell."""
    if go_type.startswith("map["):
        return go_type.partition("]")[2]
    return go_type[2:] if go_type.startswith("[]") else ""


def fields(node: Node) -> dict[str, Field]:
    """Of a type, by name: those of which a schema does not tell all."""
    return _read_all().get(node.definition, {})


def _field(node: Node, name: str) -> Field:
    found = fields(node).get(name)
    if found is not None:
        return found
    return _OF_TYPE_META if name in _TYPE_META and node.has_kind else _PLAIN


@cache
def _read_all() -> dict[str, dict[str, Field]]:
    text = files(__package__).joinpath("go_types.txt").read_text()
    made: dict[str, dict[str, Field]] = {}
    for line in text.splitlines():
        definition, *words = line.split(" ")
        made[_PREFIX + definition] = dict(map(_read, words))
    return made


def _read(word: str) -> tuple[str, Field]:
    word, _, go_type = word.partition(":")
    name, _, embedded = word.partition("+")
    return name, Field(f"{embedded}." if embedded else "", go_type)
