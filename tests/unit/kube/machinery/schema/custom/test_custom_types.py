"""One version of a definition, as a whole."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kprov.kube.machinery.schema.custom.custom_types import CustomTypes
from kprov.kube.machinery.schema.nodes import ANY_NODE, Kind

_GVK = ("example.com", "v1", "Widget")
_ITEM = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string", "maxLength": 5}, "size": {"type": "integer", "default": 1}},
}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "replicas": {"type": "integer", "minimum": 1, "default": 3},
                "mode": {"type": "string", "enum": ["Fast", "Slow"]},
                "host": {"type": "string", "pattern": "^[a-z]+$"},
                "note": {"type": "string", "nullable": True},
                "parts": {
                    "type": "array",
                    "items": _ITEM,
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                },
                "tags": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "port": {"x-kubernetes-int-or-string": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "template": {"type": "object", "x-kubernetes-embedded-resource": True},
            },
        },
        "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
    },
}


@pytest.fixture(scope="module")
def types() -> CustomTypes:
    return CustomTypes(_GVK, _SCHEMA)


def make(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": spec}


def prune(types: CustomTypes, obj: dict[str, Any]) -> list[str]:
    report = types.prune(obj, _GVK, orjson.dumps(obj))
    assert report.errors == []
    return report.strict_errors


def describe(types: CustomTypes, obj: dict[str, Any], old: dict[str, Any] | None = None) -> list[str]:
    return [f"{error.field}: {error.detail}" for error in types.validate(obj, old)]


def test_types_tell_apply_how_to_merge(types: CustomTypes) -> None:
    root = types.node(_GVK)
    spec = root.fields["spec"].fields
    assert root.fields["metadata"].name == "ObjectMeta"
    assert (spec["parts"].list_type, spec["parts"].map_keys) == ("map", ("name",))
    assert spec["tags"].list_type == "set"
    assert spec["labels"].kind is Kind.MAP
    assert spec["port"].kind is Kind.INT_OR_STRING
    assert spec["free"].kind is Kind.ANY
    assert types.node(("other", "v1", "Widget")) is ANY_NODE


def test_unknown_fields_are_removed_and_reported_by_name(types: CustomTypes) -> None:
    obj = make(zone=1, parts=[{"name": "a", "b": {"c": 1}}], free={"any": [1]})
    obj["metadata"]["extra"] = 1
    assert prune(types, obj) == [
        'unknown field "metadata.extra"',
        'unknown field "spec.parts[0].b"',
        'unknown field "spec.zone"',
    ]
    assert obj["spec"] == {"parts": [{"name": "a"}], "free": {"any": [1]}}


def test_duplicate_fields_are_reported_before_unknown_ones(types: CustomTypes) -> None:
    body = b'{"kind":"Widget","spec":{"a":1,"mode":"Fast","mode":"Fast"}}'
    report = types.prune(orjson.loads(body), _GVK, body)
    assert report.strict_errors == ['duplicate field "spec.mode"', 'unknown field "spec.a"']


def test_wrong_types_in_metadata_are_errors(types: CustomTypes) -> None:
    obj = make()
    obj["metadata"]["labels"] = {"a": 1}
    report = types.prune(obj, _GVK)
    assert len(report.errors) == 1
    assert report.errors[0].startswith("json: cannot unmarshal number into Go struct field ObjectMeta.")


def test_nulls_without_default_are_removed_and_others_replaced(types: CustomTypes) -> None:
    obj = make(host=None, replicas=None, note=None, parts=[{"name": "a", "size": None}])
    assert prune(types, obj) == []
    types.default(obj)
    assert obj["spec"] == {"replicas": 3, "note": None, "parts": [{"name": "a", "size": 1}]}


def test_metadata_of_a_resource_within_an_object_is_pruned(types: CustomTypes) -> None:
    obj = make(template={"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "x": 1}, "spec": {}})
    assert prune(types, obj) == [
        'unknown field "spec.template.spec"',
        'unknown field "spec.template.metadata.x"',
    ]
    assert obj["spec"]["template"] == {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}


def test_a_resource_within_an_object_needs_version_and_kind(types: CustomTypes) -> None:
    assert describe(types, make(template={"kind": "a b"})) == [
        "spec.template.apiVersion: Required value",
        (
            'spec.template.kind: Invalid value: "a b": may have mixed case, but should otherwise match: a DNS-1035 '
            "label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
            "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
            "'[a-z]([-a-z0-9]*[a-z0-9])?')"
        ),
    ]


def test_repeated_items_of_sets_and_maps_are_errors(types: CustomTypes) -> None:
    obj = make(tags=["a", "b", "a", "a"], parts=[{"name": "x"}, {"name": "x"}])
    assert describe(types, obj) == [
        'spec.tags[2]: Duplicate value: "a"',
        'spec.parts[1]: Duplicate value: {"name":"x"}',
    ]
    assert describe(types, make(tags=["b", "b"]), make(tags=["a", "a"])) == []


def test_messages_are_those_of_upstream(types: CustomTypes) -> None:
    obj = make(
        replicas=0, mode="Odd", host="A", parts=[{"size": "1"}, {"name": "toolong"}], port=1.5, labels=3
    )
    assert sorted(describe(types, obj)) == [
        "spec.host: Invalid value: \"A\": spec.host in body should match '^[a-z]+$'",
        'spec.labels: Invalid value: "integer": spec.labels in body must be of type object: "integer"',
        'spec.mode: Unsupported value: "Odd": supported values: "Fast", "Slow"',
        "spec.parts[0].name: Required value",
        (
            'spec.parts[0].size: Invalid value: "string": spec.parts[0].size in body must be of type integer: '
            '"string"'
        ),
        "spec.parts[1].name: Too long: may not be more than 5 bytes",
        'spec.port: Invalid value: "number": spec.port in body must be of type integer,string: "number"',
        ("spec.replicas: Invalid value: 0: spec.replicas in body should be greater than or equal to 1"),
    ]


def test_unchanged_invalid_values_stay_accepted(types: CustomTypes) -> None:
    old = make(host="A", replicas=0, parts=[{"name": "toolong"}, {"name": "b", "size": "x"}])
    new = make(host="B", replicas=0, parts=[{"name": "b", "size": "x"}, {"name": "toolong", "size": 2}])
    assert sorted(describe(types, new, old)) == [
        "spec.host: Invalid value: \"B\": spec.host in body should match '^[a-z]+$'",
    ]


def test_true_is_no_unchanged_one(types: CustomTypes) -> None:
    assert describe(types, make(replicas=True), make(replicas=1)) == [
        'spec.replicas: Invalid value: "boolean": spec.replicas in body must be of type integer: "boolean"'
    ]


def test_an_update_of_the_status_looks_at_the_status_only(types: CustomTypes) -> None:
    new, old = make(host="A"), make(host="B")
    new["status"] = {"ready": "yes"}
    assert [error.field for error in types.validate_status(new, old)] == ["status.ready"]


def test_stored_objects_lose_what_the_schema_does_not_have_any_more(types: CustomTypes) -> None:
    obj = make(gone=1, host="a")
    obj["metadata"]["labels"] = {"a": 1}
    types.restore(obj)
    assert obj == {**make(host="a", replicas=3), "metadata": {"name": "a"}}


def test_without_a_schema_everything_is_kept() -> None:
    types = CustomTypes(_GVK, None)
    obj = make(any=[{"a": None}])
    assert prune(types, obj) == []
    assert obj == make(any=[{"a": None}])
    assert describe(types, obj) == []
