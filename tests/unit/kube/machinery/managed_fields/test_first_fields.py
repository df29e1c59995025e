"""The fields of a new object are those that a comparison with Go's zero value gives."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest

from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.managed_fields import field_set
from kprov.kube.machinery.managed_fields.first_fields import collect_first_fields
from kprov.kube.machinery.managed_fields.structured_merge import compare
from kprov.kube.machinery.schema import object_schema
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind, Node
from kprov.kube.machinery.schema.zero_values import make_zero

KINDS = [
    ("", "v1", "ConfigMap"),
    ("", "v1", "Pod"),
    ("", "v1", "Service"),
    ("apps", "v1", "Deployment"),
    ("batch", "v1", "CronJob"),
    ("networking.k8s.io", "v1", "Ingress"),
    ("example.org", "v1", "Unknown"),
]
#: Fields of metadata that nobody owns, and one that a write cannot change.
EXCLUDED = frozenset({("f:metadata", "f:name"), ("f:metadata", "f:creationTimestamp"), ("f:status",)})
_DEPTH = 6
_SCALARS = ["", "a", "b", 0, 1, False, True, None, "2026-01-02T03:04:05Z"]


def value(node: Node, draw: random.Random, depth: int = _DEPTH) -> Any:
    """A value of about that type; now and then of another, absent or empty."""
    if draw.random() < 0.05:
        return draw.choice([None, {}, [], "", {"k": "v"}, [{"name": "a"}]])
    if node.kind is Kind.STRUCT:
        names = [name for name in node.fields if draw.random() < 3 / (2 + len(node.fields))] if depth else []
        keys = [name for name in ("name", "containerPort", "type", "ip") if name in node.fields]
        found = {name: value(node.fields[name], draw, depth - 1) for name in names}
        # Items of lists have to have their keys.
        return found | {name: draw.choice(["a", "b", "c"]) for name in keys}
    if node.kind is Kind.MAP:
        item = node.item or ANY_NODE
        return {
            name: value(item, draw, depth - 1) for name in ("x", "b", "a") if depth and draw.random() < 0.5
        }
    if node.kind is Kind.LIST:
        return [
            value(node.item or ANY_NODE, draw, depth - 1) for _ in range(draw.randrange(3) if depth else 0)
        ]
    if node.kind is Kind.ANY:
        return draw.choice([*_SCALARS, {"k": {"l": 1}, "j": []}, ["a", {"b": 1}]])
    return draw.choice(_SCALARS)


def document(node: Node, draw: random.Random) -> JsonObject:
    """An object; its metadata is one, too."""
    metadata = node.fields.get("metadata", ANY_NODE)
    names = [name for name in (node.fields or ("spec", "data")) if draw.random() < 0.7]
    found = {name: value(node.fields.get(name, ANY_NODE), draw) for name in names}
    parts = {name: value(part, draw, 3) for name, part in metadata.fields.items() if draw.random() < 0.5}
    return {**found, "metadata": {"name": "a", **parts}}


def compared(node: Node, new: JsonObject) -> bytes:
    """By the way that updates go."""
    changes = compare(node, make_zero(node), new)
    changed = field_set.exclude(changes.modified | changes.added, EXCLUDED) - {("f:metadata",)}
    return orjson.dumps(field_set.encode_fields(changed))


def walked(node: Node, new: JsonObject) -> bytes:
    return orjson.dumps(collect_first_fields(node, make_zero(node), new, EXCLUDED))


@pytest.mark.parametrize("gvk", KINDS)
def test_first_fields_equal_those_of_a_comparison_in_order(gvk: object_schema.Gvk) -> None:
    node = object_schema.builtin().node(gvk)
    draw = random.Random(str(gvk))
    seen = 0
    for _ in range(300):
        new = document(node, draw)
        try:
            expected = compared(node, new)
        except ValueError as refusal:
            with pytest.raises(type(refusal)):
                walked(node, new)
            continue
        assert walked(node, new) == expected, new
        seen += 1
    assert seen > 50
