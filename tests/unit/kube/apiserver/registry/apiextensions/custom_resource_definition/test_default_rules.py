"""Defaults: pruned, valid, and accepted by the rules of their schema."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import default_rules
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import SchemaPath
from kprov.kube.machinery.schema.custom.structural import Structural, compile_schema

_PORT = {"type": "integer", "minimum": 1}
_RULE = [{"rule": "self.size() < 3", "message": "too long"}]
_EMBEDDED = {
    "type": "object",
    "x-kubernetes-embedded-resource": True,
    "x-kubernetes-preserve-unknown-fields": True,
}


def make_root(**properties: Any) -> Structural:
    return compile_schema({"type": "object", "properties": properties})


def find(schema: Structural, *, pruned: bool = True) -> list[tuple[str, str]]:
    errors = default_rules.find_errors(schema, SchemaPath("s"), pruned=pruned)
    return [(error.field, error.detail) for error in errors]


@pytest.mark.parametrize(
    "schema",
    [
        _PORT | {"default": 80},
        {"type": "string", "nullable": True, "default": "a"},
        {"type": "array", "items": {"type": "object", "properties": {"port": _PORT | {"default": 1}}}},
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "default": {"a": 1}},
        {"type": "object", "properties": {"port": _PORT}, "default": {"port": 3}},
        {"type": "string", "default": "ab", "x-kubernetes-validations": _RULE},
        _EMBEDDED | {"default": {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}}},
    ],
)
def test_a_valid_default(schema: dict[str, Any]) -> None:
    assert find(make_root(field=schema)) == []


@pytest.mark.parametrize(
    ("schema", "path", "text"),
    [
        (_PORT | {"default": "http"}, "default", "must be of type integer"),
        (_PORT | {"default": 0}, "default", "should be greater than or equal to 1"),
        ({"type": "string", "enum": ["a"], "default": "b"}, "default", "Unsupported value"),
        ({"type": "array", "items": _PORT, "default": [0]}, "default.[0]", "should be greater"),
        (
            {"type": "object", "properties": {}, "default": {"a": 1}},
            "default",
            "must not have unknown fields",
        ),
        ({"type": "string", "default": "abc", "x-kubernetes-validations": _RULE}, "default", "too long"),
        (_EMBEDDED | {"default": {"kind": "Pod"}}, "default.apiVersion", "Required value"),
        (
            _EMBEDDED | {"default": {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": 1}}}},
            "default.metadata",
            "cannot unmarshal",
        ),
    ],
)
def test_an_invalid_default(schema: dict[str, Any], path: str, text: str) -> None:
    ((where, detail),) = find(make_root(field=schema))
    assert where == f"s.properties[field].{path}"
    assert text in detail


def test_a_default_within_items_has_the_path_of_its_schema() -> None:
    schema = {"type": "array", "items": {"type": "object", "properties": {"port": _PORT | {"default": 0}}}}
    assert [path for path, _ in find(make_root(field=schema))] == [
        "s.properties[field].items.properties[port].default"
    ]


def test_a_default_of_metadata_makes_valid_metadata() -> None:
    labels: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
    labels["default"] = {"a": 1}
    names = {"type": "object", "properties": {"labels": labels}}
    schema = _EMBEDDED | {"properties": {"metadata": names}}
    ((path, detail),) = find(make_root(field=schema))
    assert path == "s.properties[field].properties[metadata].properties[labels].default"
    assert "must result in valid metadata" in detail
    labels["default"] = {"a": "b"}
    assert find(make_root(field=schema)) == []


def test_unknown_fields_can_be_left_to_a_stored_definition() -> None:
    schema = make_root(field={"type": "object", "properties": {}, "default": {"a": 1}})
    assert default_rules.has_unknown_fields(schema)
    assert find(schema, pruned=False) == []


def test_rules_for_new_values_and_for_changes_apply() -> None:
    rule = {"rule": "oldSelf.hasValue() || self == 'a'", "optionalOldSelf": True}
    schema = {"type": "string", "default": "b", "x-kubernetes-validations": [rule]}
    assert len(find(make_root(field=schema))) == 1
