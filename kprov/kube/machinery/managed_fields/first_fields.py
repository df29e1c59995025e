"""FieldsV1 of an object that was not there before, in one walk.

The same as comparing it with Go's zero value of its type and encoding what differs, which creations are too
frequent for: no path is made, no set, and nothing is sorted but the names of each object.
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

Fields = dict[str, Any]


def collect_first_fields(node: Node, zero: JsonObject, new: JsonObject, excluded: Collection[Path]) -> Fields:
    """What `new` sets beyond `zero` (zero_values.zero_of its type), without `excluded` and what is below.

    excluded: of one or two steps. Raises StructuredMergeError.
    """
    # Of metadata itself there is no owner.
    return _find_beyond(node, {"metadata": {}} | zero, new, (), excluded)


def _find_beyond(
    node: Node, zero: JsonObject, new: JsonObject, path: Path, excluded: Collection[Path]
) -> Fields:
    found: Fields = {}
    for name in sorted(new):
        step = f"f:{name}"
        inner = (*path, step)
        value, type_ = new[name], child_node(node, name)
        # What is excluded is walked, too: it may be what cannot be.
        below = (
            _find_changed(type_, zero[name], value, inner, excluded) if name in zero else _walk(type_, value)
        )
        if below is not None and inner not in excluded:
            found[step] = below
    return found


def _find_changed(node: Node, zero: Any, value: Any, path: Path, excluded: Collection[Path]) -> Fields | None:
    """Below a value that stands where a zero was; None where it adds nothing."""
    are_maps = isinstance(zero, dict | None) and isinstance(value, dict | None) and not node.atomic
    if are_maps and (zero or value):
        return _find_beyond(node, zero or {}, value or {}, path, excluded) or None
    if zero is None and value and is_keyed_list(node, value):
        return _walk_items(node, value)
    return None if zero == value else {}


def _walk(node: Node, value: Any) -> Fields:
    """Below a value that was not there: "." for itself, which a leaf says by being empty, and its parts."""
    if not value:
        return {}
    if type(value) is dict and not node.atomic:
        found: Fields = {".": {}}
        fields = node.fields if node.kind is Kind.STRUCT else None
        item = (node.item or ANY_NODE) if node.kind is Kind.MAP else ANY_NODE
        for name in sorted(value):
            held = value[name]
            if type(held) is dict or type(held) is list:
                found[f"f:{name}"] = _walk(item if fields is None else fields.get(name, ANY_NODE), held)
            else:
                found[f"f:{name}"] = {}
        return found
    if is_keyed_list(node, value):
        return {".": {}} | _walk_items(node, value)
    return {}


def _walk_items(node: Node, values: list[Any]) -> Fields:
    items = group_by_step(node, values)
    item = node.item or ANY_NODE
    return {
        step: {} if type(items[step]) is RepeatedItems else _walk(item, items[step]) for step in sorted(items)
    }
