"""Structural schemas: one type for each value, outside of allOf, anyOf, oneOf and not."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import structural_rules
from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.schema_walk import SchemaPath

INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def find(schema: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error.field, error.detail) for error in structural_rules.find_errors(schema, SchemaPath("s"))]


def within(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a root with the schema as the field `a`."""
    return {"type": "object", "properties": {"a": schema}}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^[a-z]+$"},
        {"x-kubernetes-preserve-unknown-fields": True},
        {"x-kubernetes-int-or-string": True},
        {"x-kubernetes-int-or-string": True, "anyOf": INT_OR_STRING},
        {"x-kubernetes-int-or-string": True, "allOf": [{"anyOf": INT_OR_STRING}, {"maxLength": 3}]},
        {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "integer", "not": {"minimum": 3, "maximum": 5}},
    ],
)
def test_structural_fields(schema: dict[str, Any]) -> None:
    assert find(within(schema)) == []


@pytest.mark.parametrize(
    ("schema", "path", "detail"),
    [
        ({}, "a].type", "must not be empty for specified object fields"),
        ({"type": "array"}, "a].items", "must be specified"),
        ({"type": "array", "items": {}}, "a].items.type", "must not be empty for specified array items"),
        ({"type": "string", "pattern": "(a"}, "a].pattern", "must be a valid regular expression"),
        (
            {"type": "string", "anyOf": [{"type": "integer"}]},
            "a].anyOf[0].type",
            "must be empty to be structural",
        ),
        (
            {"type": "object", "not": {"additionalProperties": {}}},
            "a].not.additionalProperties",
            "be undefined",
        ),
        ({"type": "object", "allOf": [{"default": 0}]}, "a].allOf[0].default", "must be undefined"),
        (
            {"x-kubernetes-int-or-string": True, "x-kubernetes-preserve-unknown-fields": True},
            "a].x-kubernetes-preserve-unknown-fields",
            "must be false if x-kubernetes-int-or-string is true",
        ),
        (
            {
                "type": "string",
                "x-kubernetes-embedded-resource": True,
                "x-kubernetes-preserve-unknown-fields": True,
            },
            "a].type",
            "must be object if x-kubernetes-embedded-resource is true",
        ),
    ],
)
def test_fields_that_are_not_structural(schema: dict[str, Any], path: str, detail: str) -> None:
    errors = find(within(schema))
    assert any(where.endswith(path) and detail in text for where, text in errors), errors


def test_the_root_is_an_object_without_additional_properties() -> None:
    assert find({"type": "object", "additionalProperties": {"type": "string"}}) == [
        ("s.additionalProperties", "Forbidden: must not be used at the root")
    ]


@pytest.mark.parametrize(
    ("metadata", "is_valid"),
    [
        ({"type": "object"}, True),
        ({"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}}, True),
        ({"type": "object", "properties": {"labels": {"type": "object"}}}, False),
        ({"type": "object", "description": "mine"}, False),
        ({"type": "string"}, False),
    ],
)
def test_the_schema_of_metadata_restricts_names_only(metadata: dict[str, Any], *, is_valid: bool) -> None:
    assert (find({"type": "object", "properties": {"metadata": metadata}}) == []) == is_valid


def test_what_the_root_restricts_has_a_type_outside() -> None:
    schema = {
        "type": "object",
        "properties": {"known": {"type": "array", "items": {"type": "string"}}},
        "oneOf": [
            {"properties": {"known": {"items": {"maxLength": 3}}}},
            {"properties": {"other": {"minimum": 1}}},
        ],
    }
    text = "Required value: because it is defined in s.oneOf[1].properties[other]"
    assert find(schema) == [("s.properties[other]", text)]


@pytest.mark.parametrize("name", ["id", "$ref", "patternProperties", "dependencies", "definitions"])
def test_keywords_of_which_no_structural_schema_can_be_made(name: str) -> None:
    schema = within({"type": "object", name: {"a": {"type": "string"}}})
    assert structural_rules.explain_unsupported(schema) == f"OpenAPIV3Schema '{name}' is not supported"
    assert not structural_rules.is_structural(schema)
