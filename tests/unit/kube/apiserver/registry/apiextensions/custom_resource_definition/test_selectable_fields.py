"""Selectable fields: paths of texts, numbers and booleans, without repetition."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition import selectable_fields
from kprov.kube.machinery.schema.custom.structural import compile_schema

_TEXT = {"type": "string"}
_SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "metadata": {"type": "object", "properties": {"name": _TEXT}},
            "spec": {
                "type": "object",
                "properties": {
                    "host": _TEXT,
                    "size": {"type": "integer"},
                    "ready": {"type": "boolean"},
                    "weight": {"type": "number"},
                    "ports": {"type": "array", "items": _TEXT},
                    "labels": {"type": "object", "additionalProperties": _TEXT},
                    **{f"f{index}": _TEXT for index in range(9)},
                },
            },
        },
    }
)


def find(*paths: str, **more: Any) -> list[tuple[str, str]]:
    fields = [{"jsonPath": path} for path in paths]
    errors = selectable_fields.check_selectable_fields(fields, _SCHEMA, "f", **more)
    return [(error.field, error.reason.removeprefix("FieldValue")) for error in errors]


def test_fields_of_simple_types() -> None:
    assert find(".spec.host", ".spec.size", ".spec.ready", ".spec.labels.a") == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "Required"),
        ("spec.host", "Invalid"),
        (".spec.", "Invalid"),
        (".spec.unknown", "Invalid"),
        (".spec.host.more", "Invalid"),
        (".spec['host']", "Invalid"),
        (".spec.ports[0]", "Invalid"),
        (".spec.ports", "Invalid"),
        (".spec.weight", "Invalid"),
        (".metadata.name", "Invalid"),
    ],
)
def test_a_wrong_path(path: str, reason: str) -> None:
    assert find(path) == [("f[0].jsonPath", reason)]


def test_no_field_twice() -> None:
    assert find(".spec.host", ".spec.host") == [("f[1].jsonPath", "Duplicate")]


def test_at_most_eight_fields_unless_they_were_stored() -> None:
    paths = [f".spec.f{index}" for index in range(9)]
    assert find(*paths[:8]) == []
    assert find(*paths) == [("f", "TooMany")]
    assert find(*paths, allow_many=True) == []
