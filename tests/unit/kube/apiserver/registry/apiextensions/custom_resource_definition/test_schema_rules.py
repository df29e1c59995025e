"""The rules of single schemas: types, lists, maps, and the texts of rules."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import schema_rules
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_rules import Requirements
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import SchemaPath

ITEM = {"type": "object", "properties": {"k": {"type": "string"}}, "required": ["k"]}
MAP = {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": ITEM}


def find(schema: dict[str, Any], requirements: Requirements | None = None) -> list[str]:
    errors = schema_rules.find_errors(schema, SchemaPath("s"), requirements or Requirements())
    return [f"{error.field}: {error.reason.removeprefix('FieldValue')}" for error in errors]


@pytest.mark.parametrize(
    ("schema", "errors"),
    [
        (MAP, []),
        ({"type": "array", "uniqueItems": True}, ["s.uniqueItems: Forbidden"]),
        ({"type": "float"}, ["s.type: NotSupported"]),
        ({"type": "object", "x-kubernetes-map-type": "flat"}, ["s.x-kubernetes-map-type: NotSupported"]),
        ({"x-kubernetes-list-type": "atomic"}, ["s.type: Required"]),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": False}, ["s.additionalProperties: Forbidden"]),
        (MAP | {"x-kubernetes-list-map-keys": []}, ["s.x-kubernetes-list-map-keys: Required"]),
        (MAP | {"x-kubernetes-list-map-keys": ["k", "k"]}, ["s.x-kubernetes-list-map-keys: Invalid"]),
        (MAP | {"x-kubernetes-list-map-keys": ["z"]}, ["s.x-kubernetes-list-map-keys: Invalid"]),
        (MAP | {"x-kubernetes-list-type": "set"}, ["s.items.x-kubernetes-map-type: Invalid", "s.x-kubernetes-list-type: Invalid"]),
        (MAP | {"items": ITEM | {"required": []}}, ["s.items.properties[k].default: Required"]),
        (MAP | {"items": ITEM | {"nullable": True}}, ["s.items.nullable: Forbidden"]),
        ({"type": "object", "properties": {"kind": {"default": "A"}}}, ["s.properties[kind].default: Forbidden"]),
    ],
)  # fmt: skip
def test_schemas(schema: dict[str, Any], errors: list[str]) -> None:
    assert find(schema) == errors


def test_rules_that_a_stored_definition_breaks_can_be_left_out() -> None:
    lenient = Requirements(types=False, atomic_sets=False, map_keys=False)
    assert find({"type": "float"}, lenient) == []
    assert find(MAP | {"items": ITEM | {"required": [], "nullable": True}}, lenient) == []


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        ({"rule": "self.a < 3"}, []),
        ({"rule": "  "}, ["rule: Required"]),
        ({"rule": "a", "message": " "}, ["message: Invalid"]),
        ({"rule": "a", "message": "b\nc"}, ["message: Invalid"]),
        ({"rule": "a &&\nb"}, ["message: Required"]),
        ({"rule": "a", "messageExpression": " "}, ["messageExpression: Required"]),
        ({"rule": "a", "reason": "Odd"}, ["reason: NotSupported"]),
        ({"rule": "a", "fieldPath": ".a\n"}, ["fieldPath: Invalid"]),
    ],
)
def test_what_rules_say_beside_their_expression(rule: dict[str, str], errors: list[str]) -> None:
    path = "s.x-kubernetes-validations[0]"
    schema = {"type": "object", "x-kubernetes-validations": [rule]}
    assert find(schema) == [f"{path}.{error}" for error in errors]
