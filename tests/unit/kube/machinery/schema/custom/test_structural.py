"""Compiled schemas share their equal levels."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.schema.custom.custom_types import CustomTypes
from kprov.kube.machinery.schema.custom.structural import Compiler, Structural, compile_schema


def compile_fields(**fields: Any) -> tuple[Structural, ...]:
    return tuple(compile_schema({"type": "object", "properties": fields}).properties.values())


def test_levels_that_differ_in_their_descriptions_are_one_object() -> None:
    def describe(text: str) -> dict[str, Any]:
        inner = {"type": "string", "description": f"inner {text}"}
        return {"type": "object", "description": text, "properties": {"a": inner}}

    first, second = compile_fields(first=describe("one"), second=describe("two"))
    assert first is second


@pytest.mark.parametrize(
    "other",
    [
        {"type": "integer", "minimum": 1, "maximum": 2},
        {"type": "integer", "minimum": 0},
        {"type": "integer", "minimum": 1, "default": 1},
        {"type": "number", "minimum": 1},
        {"type": "integer", "minimum": 1, "enum": [1, 2]},
        {"type": "integer", "minimum": 1, "x-kubernetes-validations": [{"rule": "self > 0"}]},
    ],
)
def test_levels_with_other_rules_are_different(other: dict[str, Any]) -> None:
    first, second = compile_fields(first={"type": "integer", "minimum": 1}, second=other)
    assert first is not second


@pytest.mark.parametrize("defaults", [(1, True), (0, False), (1, 1.0)])
def test_defaults_that_are_equal_in_python_only_stay_different(defaults: tuple[Any, Any]) -> None:
    first, second = compile_fields(first={"default": defaults[0]}, second={"default": defaults[1]})
    assert (type(first.default), type(second.default)) == tuple(map(type, defaults))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"properties": {"a": {"type": "string"}}}, {"properties": {"b": {"type": "string"}}}),
        ({"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "integer"}}}),
        ({"additionalProperties": True}, {"additionalProperties": False}),
        ({"additionalProperties": {"type": "string"}}, {"items": {"type": "string"}}),
        ({"anyOf": [{"minimum": 1}]}, {"oneOf": [{"minimum": 1}]}),
        ({"allOf": [{"minimum": 1}]}, {"not": {"minimum": 1}}),
    ],
)
def test_levels_with_other_levels_below_are_different(first: dict[str, Any], second: dict[str, Any]) -> None:
    held, other = compile_fields(first=first, second=second)
    assert held is not other


def test_versions_share_a_compiler_and_their_levels() -> None:
    compiler, schema = Compiler(), {"type": "object", "properties": {"spec": {"type": "object"}}}
    types = [
        CustomTypes(("example.com", version, "Widget"), schema, compiler=compiler) for version in ("v1", "v2")
    ]
    assert types[0].structural is types[1].structural


def test_the_types_of_fields_share_equal_levels_too() -> None:
    part = {"type": "object", "properties": {"name": {"type": "string"}}}
    schema = {"type": "object", "properties": {"first": part, "second": part}}
    gvk = ("example.com", "v1", "Widget")
    fields = CustomTypes(gvk, schema).node(gvk).fields
    assert fields["first"] is fields["second"]
