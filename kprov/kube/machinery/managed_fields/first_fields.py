"""FieldsV1 of a new object, in one walk.

The result equals that of comparing the object with the zero value of its type and encoding the differences.
Creations are frequent, so this builds no paths and no sets, and sorts only the names of each object.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields.field_set import Path
from kprov.kube.machinery.managed_fields.structured_merge import (
    RepeatedItems,
    child_node,
    group_by_step,
    is_keyed_list,
)
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node


def collect_first_fields(
    node: Node, zero: JsonObject, new: JsonObject, excluded: Collection[Path]
) -> JsonObject:
    """Return the fields that `new` sets beyond `zero`, its type's zero value, without `excluded`.

    excluded: paths of one or two steps, which stand for all below them. Raises StructuredMergeError.
    """
    # metadata itself has no owner.
    return _find_beyond(node, {"metadata": {}} | zero, new, (), excluded)


def _find_beyond(
    node: Node, zero: JsonObject, new: JsonObject, path: Path, excluded: Collection[Path]
) -> JsonObject:
    fields_v1: JsonObject = {}
    for name in sorted(new):
        step = f"f:{name}"
        inner = (*path, step)
        value, type_ = new[name], child_node(node, name)
        # Walk excluded fields too: the walk raises errors.
        below = (
            _find_changed(type_, zero[name], value, inner, excluded) if name in zero else _walk(type_, value)
        )
        if below is not None and inner not in excluded:
            fields_v1[step] = below
    return fields_v1


def _find_changed(
    node: Node, zero: Any, value: Any, path: Path, excluded: Collection[Path]
) -> JsonObject | None:
    """Return the fields below a value that replaces a zero. None if it adds nothing."""
    are_maps = isinstance(zero, dict | None) and isinstance(value, dict | None) and not node.atomic
    if are_maps and (zero or value):
        return _find_beyond(node, zero or {}, value or {}, path, excluded) or None
    if zero is None and value and is_keyed_list(node, value):
        return _walk_items(node, value)
    return None if zero == value else {}


def _walk(node: Node, value: Any) -> JsonObject:
    """Return the fields of a new value: "." for the value itself, and its parts. A leaf is empty."""
    if not value:
        return {}
    if type(value) is dict and not node.atomic:
        fields_v1: JsonObject = {".": {}}
        fields = node.fields if node.kind is Kind.STRUCT else None
        item = (node.item or ANY_NODE) if node.kind is Kind.MAP else ANY_NODE
        for name in sorted(value):
            held = value[name]
            if type(held) is dict or type(held) is list:
                fields_v1[f"f:{name}"] = _walk(item if fields is None else fields.get(name, ANY_NODE), held)
            else:
                fields_v1[f"f:{name}"] = {}
        return fields_v1
    if is_keyed_list(node, value):
        return {".": {}} | _walk_items(node, value)
    return {}


def _walk_items(node: Node, values: list[Any]) -> JsonObject:
    items = group_by_step(node, values)
    item = node.item or ANY_NODE
    return {
        step: {} if type(items[step]) is RepeatedItems else _walk(item, items[step]) for step in sorted(items)
    }
