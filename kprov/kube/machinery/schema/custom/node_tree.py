"""The types of a schema's fields for server-side apply and patches.

Source: k8s.io/kube-openapi/pkg/schemaconv, apiextensions-apiserver pkg/controller/openapi/builder.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.schema.custom.structural import Structural
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node

_SCALARS: Final = {
    "string": Kind.STRING,
    "boolean": Kind.BOOL,
    "integer": Kind.INT64,
    "number": Kind.NUMBER,
}


def build_root(schema: Structural | None, kind: str) -> Node:
    """Return the type of the objects of a kind. Without a schema all fields are preserved."""
    if schema is None:
        root = Node(Kind.STRUCT)
        root.item = ANY_NODE
    else:
        root = _Builder().build(schema, kind)
        if root.kind is not Kind.STRUCT:
            item = root.item or ANY_NODE
            root = Node(Kind.STRUCT)
            root.item = item if schema.preserve or schema.additional else None
    _add_meta(root)
    root.name = root.definition = kind
    root.has_kind = True
    return root


@cache
def metadata_node() -> Node:
    """Return the type of metadata."""
    return object_schema.builtin().node(("", "v1", "ConfigMap")).fields["metadata"]


def _add_meta(node: Node) -> None:
    node.fields.update(
        {"apiVersion": Node(Kind.STRING), "kind": Node(Kind.STRING), "metadata": metadata_node()}
    )


class _Builder:
    """Builds the types of one schema. Levels that are the same object get the same type."""

    def __init__(self) -> None:
        self._nodes: dict[int, Node] = {}

    def build(self, schema: Structural, name: str) -> Node:
        """Return the type of a field. name: unique for the types of objects, as CEL needs it."""
        node = self._nodes.get(id(schema))
        if node is None:
            node = self._nodes[id(schema)] = self._build(schema, name)
        return node

    def _build(self, schema: Structural, name: str) -> Node:
        if schema.int_or_string:
            return Node(Kind.INT_OR_STRING)
        kind = schema.types[0] if schema.types else ""
        if kind == "object":
            return self._build_object(schema, name)
        if kind == "array":
            return self._build_list(schema, name)
        return Node(_SCALARS[kind]) if kind in _SCALARS else ANY_NODE

    def _build_object(self, schema: Structural, name: str) -> Node:
        additional = schema.additional
        if schema.properties or schema.embedded:
            node = Node(Kind.STRUCT)
            node.definition = name
            node.fields = {
                field: self.build(child, f"{name}_{index}")
                for index, (field, child) in enumerate(schema.properties.items())
            }
            if schema.preserve:
                # Fields beyond those of the schema are of any type.
                node.item = ANY_NODE
            if schema.embedded:
                _add_meta(node)
        elif additional:
            node = Node(Kind.MAP)
            node.item = (
                self.build(additional, f"{name}_v") if isinstance(additional, Structural) else ANY_NODE
            )
        elif schema.preserve:
            node = Node(Kind.ANY)
        else:
            node = Node(Kind.STRUCT)
        node.required = schema.required
        node.atomic = schema.map_type == "atomic"
        return node

    def _build_list(self, schema: Structural, name: str) -> Node:
        node = Node(Kind.LIST)
        node.item = self.build(schema.items, f"{name}_i") if schema.items is not None else ANY_NODE
        node.list_type, node.map_keys = schema.list_type, schema.map_keys
        return node
