"""The types of Kubernetes objects for CEL, from their schemas.

Source: k8s.io/apiserver/pkg/cel/common/schemas.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.component_helpers.cel.messages import Fields
from kprov.kube.machinery.schema.nodes import Kind, Node

_SIMPLE: Final = {
    Kind.STRING: "string",
    Kind.BOOL: "bool",
    Kind.INT32: "int",
    Kind.INT64: "int",
    Kind.NUMBER: "double",
    Kind.TIME: "timestamp",
    Kind.MICRO_TIME: "timestamp",
    Kind.BYTES: "bytes",
}


def collect_types(root: Node) -> tuple[str, dict[str, Fields]]:
    """Return the type of a kind, and the messages that it consists of."""
    messages: dict[str, dict[str, str]] = {}
    waiting = [root]
    while waiting:
        node = waiting.pop()
        name = _get_message_name(node)
        if node.kind is Kind.STRUCT and name not in messages:
            messages[name] = {field: _describe_type(field_node) for field, field_node in node.fields.items()}
            waiting += [_find_innermost(field_node) for field_node in node.fields.values()]
    return _describe_type(root), dict(messages)


def _get_message_name(node: Node) -> str:
    """Return the name of a definition, io.k8s.api.apps.v1.Deployment, in a package without its dots."""
    return f"kubernetes.schema.{node.definition.replace('.', '_').replace('-', '_')}"


def _describe_type(node: Node) -> str:
    """Return the type of a field. Values that may be of several types, such as quantities, are dynamic."""
    if node.kind is Kind.STRUCT:
        # Without fields there is nothing to check.
        return _get_message_name(node) if node.fields else "dyn"
    if node.kind in {Kind.LIST, Kind.MAP} and node.item is not None:
        return f"{'list' if node.kind is Kind.LIST else 'map'}({_describe_type(node.item)})"
    return _SIMPLE.get(node.kind, "dyn")


def _find_innermost(node: Node) -> Node:
    while node.kind in {Kind.LIST, Kind.MAP} and node.item is not None:
        node = node.item
    return node
