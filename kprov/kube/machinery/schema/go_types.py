"""Names of Go types in decoding errors that schemas do not have: named types and embedded structs.

Derived from the Go types of upstream's API (machinery/upstream).
Source of the form: sigs.k8s.io/json (decode.go).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from kprov.kube.machinery.schema.nodes import ANY_NODE, Node
from kprov.kube.machinery.upstream import api_types
from kprov.kube.machinery.upstream.api_types import GoType

_PREFIX: Final = "io.k8s."
_TYPE_META: Final = {"kind", "apiVersion"}
#: Types that write their own JSON and have their own Kind of node.
_CUSTOM_WITH_NODE: Final = frozenset(
    {
        "apimachinery.pkg.api.resource.Quantity",
        "apimachinery.pkg.apis.meta.v1.MicroTime",
        "apimachinery.pkg.apis.meta.v1.Time",
        "apimachinery.pkg.util.intstr.IntOrString",
    }
)


class Field(NamedTuple):
    """Facts about a field that its schema does not have."""

    #: The embedded structs that contain it, each followed by a dot.
    embedded: str
    #: "" if the schema has it.
    go_type: str


_PLAIN: Final = Field("", "")
_OF_TYPE_META: Final = Field("TypeMeta.", "")


def locate(root: Node, steps: Iterable[str | None]) -> tuple[str, str]:
    """Return the path of a value in Go's decoding errors, and the name of its type.

    steps: field names from the object on. None is a step to an item of a list or a value of a map.
    """
    node, names, go_type = root, [], ""
    for step in steps:
        if step is None:
            go_type = item_type(go_type)
            node = node.item or ANY_NODE
        else:
            field = _field(node, step)
            names.append(field.embedded + step)
            go_type = field.go_type
            node = node.fields.get(step, ANY_NODE)
    return ".".join(names), go_type or node.go_name


def item_type(go_type: str) -> str:
    """Return the type of the items of a list or map type, "" for named types."""
    if go_type.startswith("map["):
        return go_type.partition("]")[2]
    return go_type[2:] if go_type.startswith("[]") else ""


@cache
def fields(node: Node) -> dict[str, Field]:
    """Return the fields of a type about which the schema does not have all facts, by name."""
    described = api_types.find(node.definition.removeprefix(_PREFIX)) if node.definition else None
    if described is None:
        return {}
    return {name: field for name, field in _iterate_fields(described, "") if field != _PLAIN}


def _field(node: Node, name: str) -> Field:
    field = fields(node).get(name)
    if field is not None:
        return field
    return _OF_TYPE_META if name in _TYPE_META and node.has_kind else _PLAIN


def _iterate_fields(described: GoType, embedded: str) -> Iterator[tuple[str, Field]]:
    for field in described.fields:
        if not field.name:
            if field.go_type != api_types.TYPE_META:
                yield from _iterate_fields(api_types.get(field.go_type), f"{embedded}{field.go_name}.")
        else:
            go_type = field.go_type.removeprefix("*")
            yield field.name, Field(embedded, "" if _has_node(go_type) else api_types.print_name(go_type))


def _has_node(go_type: str) -> bool:
    """Whether the node of a type has its Go name."""
    if go_type.startswith("[]"):
        return _has_node(go_type[2:])
    if go_type.startswith("map["):
        return all(map(_has_node, api_types.split_map(go_type)))
    if not api_types.is_named(go_type):
        return True
    return go_type in _CUSTOM_WITH_NODE or bool(api_types.get(go_type).fields)
