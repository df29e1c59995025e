"""Paths of fields: with dots, with brackets, through maps."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.registry.apiextensions.custom_resource_definition.field_paths import (
    FieldPathError,
    find_field,
)
from kprov.kube.machinery.schema.custom.structural import compile_schema

_SCHEMA = compile_schema(
    {
        "type": "object",
        "properties": {
            "a.b": {"type": "integer"},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        },
    }
)


@pytest.mark.parametrize(
    ("text", "path", "type_"),
    [
        (".map", "map", "object"),
        (".map.key", "map[key]", "string"),
        (".map['the.key']", "map[the.key]", "string"),
        ("['a.b']", "a.b", "integer"),
        (r".map['it\'s']", "map[it's]", "string"),
    ],
)
def test_a_path(text: str, path: str, type_: str) -> None:
    found, schema = find_field(text, _SCHEMA)
    assert (found, schema.types) == (path, (type_,))


@pytest.mark.parametrize(
    "text", ["map", ".", ".none", ".map[key]", ".map['key'", ".map['key'.", "['", ".map.key.more"]
)
def test_a_wrong_path(text: str) -> None:
    with pytest.raises(FieldPathError):
        find_field(text, _SCHEMA)
