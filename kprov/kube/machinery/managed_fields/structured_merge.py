"""Structured merge: comparing, merging and reducing typed documents. Server-side apply is built on it.

The schema says whether lists are atomic, sets, or maps with keys, and whether objects are atomic. By default
objects are compared field by field, and lists are atomic.
Source: sigs.k8s.io/structured-merge-diff/v6/typed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from kprov.kube.machinery.managed_fields.field_set import (
    FieldSet,
    Path,
    key_step,
    prefixes,
    value_step,
)
from kprov.kube.machinery.openapi import defaults
from kprov.kube.machinery.schema.nodes import ANY_NODE, KEY_DEFAULTS, Kind, Node


class _Absent:
    """The type of a missing value. null is a value."""

    def __bool__(self) -> bool:
        return False


_ABSENT: Final = _Absent()


class StructuredMergeError(ValueError):
    """A document that cannot be walked: list items without keys, or with duplicate keys."""


@dataclass(slots=True)
class Comparison:
    """The differences between two documents."""

    added: FieldSet = field(default_factory=set)
    removed: FieldSet = field(default_factory=set)
    modified: FieldSet = field(default_factory=set)


def _is_map(node: Node, value: Any) -> bool:
    return isinstance(value, dict) and not node.atomic


def is_keyed_list(node: Node, value: Any) -> bool:
    """Whether it is a list whose items have their own owners."""
    return isinstance(value, list) and node.kind is Kind.LIST and node.list_type != "atomic"


def child_node(node: Node, name: str) -> Node:
    """Return the type of a field, ANY_NODE if unknown."""
    if node.kind is Kind.STRUCT:
        return node.fields.get(name, ANY_NODE)
    return (node.item or ANY_NODE) if node.kind is Kind.MAP else ANY_NODE


def item_step(node: Node, item: Any) -> str:
    """Return the path step of a list item. Raises StructuredMergeError when it lacks a key."""
    if node.list_type == "set":
        return value_step(item)
    if item is None:
        raise StructuredMergeError("associative list with keys may not have a null element")
    if not isinstance(item, dict):
        raise StructuredMergeError("associative list with keys may not have non-map elements")
    keys = {}
    for name in node.map_keys:
        value = item[name] if name in item else _default_key(node, name)
        if value is not None or name in item:
            keys[name] = value
    if not keys:
        missing = " ".join(f'"{name}"' for name in node.map_keys)
        raise StructuredMergeError(
            f"associative list with keys has an element that omits all key fields [{missing}] "
            "(and doesn't have default values for any key fields)"
        )
    return key_step(keys)


def _default_key(node: Node, name: str) -> Any:
    """Return the value of a key that an item omits: its default, or a zero that is always written."""
    if name in KEY_DEFAULTS:
        return KEY_DEFAULTS[name]
    return defaults.find_default(node.item.definition, name, "") if node.item else None


class RepeatedItems(list[Any]):
    """Items of one list with the same step. Stored objects may have them. They count as one value."""


def group_by_step(node: Node, items: list[Any] | None) -> dict[str, Any]:
    """Items by step. Several items with the same step become RepeatedItems."""
    items_by_step: dict[str, Any] = {}
    for item in items or ():
        step = item_step(node, item)
        if step not in items_by_step:
            items_by_step[step] = item
        elif type(items_by_step[step]) is RepeatedItems:
            items_by_step[step].append(item)
        else:
            items_by_step[step] = RepeatedItems((items_by_step[step], item))
    return items_by_step


def collect_fields(node: Node, document: dict[str, Any]) -> FieldSet:
    """Every field that a document sets, which its applier will own."""
    fields: FieldSet = set()
    _collect_into(node, document, (), fields)
    return fields


def _collect_into(node: Node, value: Any, path: Path, fields: FieldSet) -> None:
    if _is_map(node, value):
        is_struct = node.kind is Kind.STRUCT
        for name, held in value.items():
            inner = (*path, f"f:{name}")
            _collect_into(child_node(node, name), held, inner, fields)
            if held is None or held == {} or not (is_struct and name in node.fields):
                fields.add(inner)
    elif is_keyed_list(node, value):
        for step, item in group_by_step(node, value).items():
            inner = (*path, step)
            if type(item) is not RepeatedItems:
                _collect_into(node.item or ANY_NODE, item, inner, fields)
            fields.add(inner)
    else:
        fields.add(path)


def compare(node: Node, old: dict[str, Any], new: dict[str, Any]) -> Comparison:
    """Paths added, removed and modified from old to new."""
    result = Comparison()
    _compare(node, old, new, (), result)
    return result


def _compare(node: Node, old: Any, new: Any, path: Path, result: Comparison) -> None:
    if old is new:
        return
    sample = new if new is not _ABSENT and new is not None else old
    if not _has_comparable_parts(node, old, new, sample):
        _compare_leaf(old, new, path, result)
        return
    if isinstance(sample, dict):
        before, after = old or {}, new or {}
        for name, value in after.items():
            _compare(child_node(node, name), before.get(name, _ABSENT), value, (*path, f"f:{name}"), result)
        for name, value in before.items():
            if name not in after:
                _compare(child_node(node, name), value, _ABSENT, (*path, f"f:{name}"), result)
    else:
        _compare_keyed_lists(node, old, new, path, result)
    if old is _ABSENT:
        result.added.add(path)
    elif new is _ABSENT:
        result.removed.add(path)


def _has_comparable_parts(node: Node, old: Any, new: Any, sample: Any) -> bool:
    """Whether both are objects or lists that are compared part by part. sample: one that is not absent."""
    if not old and not new:
        return False  # empty objects and lists differ from absent ones as values
    if _is_map(node, sample):
        return isinstance(old, dict | None | _Absent) and isinstance(new, dict | None | _Absent)
    if not is_keyed_list(node, sample):
        return False
    return isinstance(old, list | None | _Absent) and isinstance(new, list | None | _Absent)


def _compare_keyed_lists(node: Node, old: Any, new: Any, path: Path, result: Comparison) -> None:
    item = node.item or ANY_NODE
    before, after = group_by_step(node, old), group_by_step(node, new)
    for step, value in after.items():
        _compare_items(item, before.get(step, _ABSENT), value, (*path, step), result)
    for step, value in before.items():
        if step not in after:
            _compare_items(item, value, _ABSENT, (*path, step), result)


def _compare_items(item: Node, old: Any, new: Any, path: Path, result: Comparison) -> None:
    """Compare items of the same step. Repeated items are compared as a whole."""
    if type(old) is not RepeatedItems and type(new) is not RepeatedItems:
        _compare(item, old, new, path, result)
    elif type(old) is type(new):
        if old != new:
            result.modified.add(path)
    elif type(old) is RepeatedItems:
        if new is not _ABSENT:
            _compare(item, _ABSENT, new, path, result)
        result.removed.add(path)
    else:
        if old is not _ABSENT:
            _compare(item, old, _ABSENT, path, result)
        result.added.add(path)


def _compare_leaf(old: Any, new: Any, path: Path, result: Comparison) -> None:
    if old is _ABSENT:
        result.added.add(path)
    elif new is _ABSENT:
        result.removed.add(path)
    elif old != new:
        result.modified.add(path)


def _has_parts(node: Node) -> bool:
    """Whether null means that no part is set. For other types null is a value."""
    if node.kind in {Kind.STRUCT, Kind.MAP}:
        return not node.atomic
    return node.kind is Kind.LIST and node.list_type != "atomic"


def merge(node: Node, live: Any, applied: Any) -> Any:
    """Merge `applied` over `live`. Neither is changed; the result shares parts with both."""
    if applied is None:
        return live if live and _has_parts(node) else None
    if _is_map(node, applied):
        held = live if isinstance(live, dict) else {}
        result = dict(held)
        for name, value in applied.items():
            result[name] = merge(child_node(node, name), held.get(name), value)
        return result
    if is_keyed_list(node, applied):
        return _merge_list(node, live if isinstance(live, list) else [], applied)
    return applied


def _find_repeat(steps: list[str]) -> str:
    """Return the first step that came before."""
    seen: set[str] = set()
    for step in steps:
        if step in seen:
            return step
        seen.add(step)
    raise ValueError("no step is repeated")


def _merge_list(node: Node, live: list[Any], applied: list[Any]) -> list[Any]:
    """Items in the applied order. Items that only `live` has stay before the next shared item."""
    item = node.item or ANY_NODE
    steps = [item_step(node, element) for element in applied]
    right = dict(zip(steps, applied, strict=True))
    if len(right) != len(applied):
        twice = _find_repeat(steps)
        raise StructuredMergeError(f"duplicate entries for key [{twice[2:]}]")
    # Repeated items are not merged.
    left = {
        step: value for step, value in group_by_step(node, live).items() if type(value) is not RepeatedItems
    }
    result: list[Any] = []
    pending = list(right)
    for value in live:
        step = item_step(node, value)
        if step not in right:
            result.append(value)
            continue
        while step in pending:  # all applied items up to this shared item come first
            result.append(merge(item, left.get(pending[0]), right[pending[0]]))
            pending.pop(0)
    result += [merge(item, left.get(step), right[step]) for step in pending]
    return result


def remove(node: Node, document: Any, paths: FieldSet) -> Any:
    """Remove the fields at `paths`. Their parents stay, as empty objects or lists if nothing is left."""
    return _remove(node, document, (), paths, prefixes(paths)) if paths else document


def _remove(node: Node, value: Any, path: Path, paths: FieldSet, heads: FieldSet) -> Any:
    if _is_map(node, value):
        kept = {}
        for name, held in value.items():
            inner = (*path, f"f:{name}")
            if inner in paths:
                continue
            kept[name] = (
                _remove(child_node(node, name), held, inner, paths, heads) if inner in heads else held
            )
        return kept
    if is_keyed_list(node, value):
        items = []
        for held in value:
            inner = (*path, item_step(node, held))
            if inner in paths:
                continue
            descend = inner in heads
            items.append(_remove(node.item or ANY_NODE, held, inner, paths, heads) if descend else held)
        return items
    return value


def add_named_parents(node: Node, paths: FieldSet) -> FieldSet:
    """Return the paths, and all their prefixes that are declared fields of an object."""
    fields = set(paths)
    for head in prefixes(paths):
        if head[-1][0] == "f" and _is_declared(node, head):
            fields.add(head)
    return fields


def _is_declared(node: Node, path: Path) -> bool:
    current = node
    for step in path[:-1]:
        current = child_node(current, step[2:]) if step[0] == "f" else (current.item or ANY_NODE)
    return current.kind is Kind.STRUCT and path[-1][2:] in current.fields
