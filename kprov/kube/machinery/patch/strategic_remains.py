"""What upstream has left of a strategic merge patch that it has followed: its refusals show that.

Source of the behaviour: staging/src/k8s.io/apimachinery/pkg/util/strategicpatch/patch.go; it uses patches up.
"""

from __future__ import annotations

from typing import Any

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.patch.strategic_merge import PATCH, RETAIN_KEYS, SET_ORDER, child_node
from kprov.kube.machinery.schema.nodes import ANY_NODE, Node


def remains(original: JsonObject, patch: JsonObject, node: Node) -> JsonObject:
    """A new document. `original`: the object as it was before."""
    if patch.get(PATCH) == "replace":
        return {name: value for name, value in patch.items() if name != PATCH}
    if PATCH in patch:
        return patch
    ordered = {name.removeprefix(SET_ORDER) for name in patch if name.startswith(SET_ORDER)}
    return {
        name: _value(original, name, value, child_node(node, name))
        for name, value in patch.items()
        if name not in ordered and name != RETAIN_KEYS and not name.startswith(SET_ORDER)
    }


def _value(original: JsonObject, name: str, value: Any, node: Node) -> Any:
    held: Any = original.get(name)
    if type(held) is not type(value):
        return _taken(value)
    if isinstance(value, dict):
        return value if "replace" in node.strategies else remains(held, value, node)
    if isinstance(value, list) and "merge" in node.strategies and node.merge_key:
        return [_element(held, each, node, node.merge_key) for each in value]
    return value


def _element(held: list[Any], value: Any, node: Node, key: str) -> Any:
    if not isinstance(value, dict) or PATCH in value:
        return value
    for each in held:
        if isinstance(each, dict) and each.get(key) == value.get(key):
            return remains(each, value, node.item or ANY_NODE)
    return value


def _taken(value: Any) -> Any:
    """What was not there: its nulls are dropped, and what has $patch within it."""
    if isinstance(value, list):
        return [_taken(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for name, held in value.items():
        if held is None or (_is_patch(held) and PATCH not in value):
            continue
        taken = _taken(held)
        made[name] = [each for each in taken if not _is_patch(each)] if isinstance(taken, list) else taken
    return made


def _is_patch(value: Any) -> bool:
    return isinstance(value, dict) and PATCH in value
