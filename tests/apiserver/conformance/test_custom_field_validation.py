"""Fields that nobody knows, and fields twice, in custom objects that are applied."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.conformance.definitions import Gadgets, version
from tests.apiserver.servers import Answer, ApiServer

_PORT = {
    "type": "object",
    "required": ["containerPort", "protocol"],
    "properties": {
        "containerPort": {"type": "integer", "format": "int32"},
        "hostIP": {"type": "string"},
        "hostPort": {"type": "integer", "format": "int32"},
        "name": {"type": "string"},
        "protocol": {"type": "string"},
    },
}
_FIELDS: dict[str, Any] = {
    "foo": {"type": "string"},
    "cronSpec": {"type": "string", "pattern": r"^(\d+|\*)(/\d+)?(\s+(\d+|\*)(/\d+)?){4}$"},
    "ports": {
        "type": "array",
        "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
        "x-kubernetes-list-type": "map",
        "items": _PORT,
    },
}
_VALID = """
  foo: foo1
  cronSpec: "* * * * */5"
  ports:
  - name: x
    containerPort: 80
    protocol: TCP"""


def define(server: ApiServer, fields: dict[str, Any] | None = None, **spec: Any) -> Gadgets:
    """Define gadgets whose spec has those fields; without any, nothing is known of it."""
    gadgets = Gadgets(server, scope="Cluster")
    schema = None if fields is None else {"spec": {"type": "object", "properties": fields} | spec}
    gadgets.define([version("v1", schema)])
    return gadgets


def apply(gadgets: Gadgets, spec: str, *, metadata: str = "", root: str = "") -> Answer:
    """Apply a document with strict validation. root, metadata: more lines of it."""
    document = f"\napiVersion: {gadgets.group}/v1\nkind: Gadget\nmetadata:\n  name: mytest{metadata}{root}\nspec:{spec}"
    return gadgets.server.ask(
        "PATCH",
        f"{gadgets.path('', 'mytest')}?fieldManager=field_validation_mgr&fieldValidation=Strict",
        document.encode(),
        content_type="application/apply-patch+yaml",
    )


@pytest.mark.entry("FieldValidation should create/apply a valid CR for CRD with validation schema")
def test_a_valid_object_is_applied(server: ApiServer) -> None:
    assert apply(define(server, _FIELDS), _VALID).status == 201


@pytest.mark.entry(
    "FieldValidation should create/apply a CR with unknown fields for CRD with no validation schema"
)
def test_unknown_fields_without_a_schema_are_applied(server: ApiServer) -> None:
    made = apply(define(server), f"\n  unknown: uk1{_VALID}")
    assert (made.status, made.json["spec"]["unknown"]) == (201, "uk1")


@pytest.mark.entry(
    "FieldValidation should create/apply an invalid CR with extra properties for CRD with validation schema"
)
def test_unknown_fields_are_refused_by_the_schema(server: ApiServer) -> None:
    refused = apply(define(server, _FIELDS), _VALID, root="\nunknownField: unknown")
    assert refused.status == 400
    assert ".unknownField: field not declared in schema" in refused.json["message"]


@pytest.mark.entry(
    "FieldValidation should detect unknown metadata fields in both the root and embedded object of a CR"
)
def test_unknown_metadata_is_refused_in_the_root_and_in_embedded_objects(server: ApiServer) -> None:
    metadata = {"type": "object", "properties": {"name": {"type": "string"}}}
    template = {"type": "object", "x-kubernetes-embedded-resource": True}
    template |= {"properties": {"metadata": metadata, "spec": {"type": "object"}}}
    preserve = {"x-kubernetes-preserve-unknown-fields": True}
    gadgets = define(server, _FIELDS | {"template": template}, **preserve)
    embedded = (
        "\n  template:\n    apiVersion: foo/v1\n    kind: Sub\n    metadata:\n"
        "      unknownSubMeta: unknown\n      name: subobject\n      namespace: n"
    )
    refused = apply(gadgets, embedded + _VALID, metadata="\n  unknownMeta: unknown")
    assert refused.status == 400
    for name in (".metadata.unknownMeta", ".spec.template.metadata.unknownSubMeta"):
        assert f"{name}: field not declared in schema" in refused.json["message"]


@pytest.mark.entry("FieldValidation should detect duplicates in a CR when preserving unknown fields")
def test_fields_twice_are_refused_where_unknown_fields_are_preserved(server: ApiServer) -> None:
    preserve = {"x-kubernetes-preserve-unknown-fields": True}
    doubled = _VALID.replace("foo: foo1", "foo: foo1\n  foo: foo2")
    refused = apply(define(server, _FIELDS, **preserve), f"\n  unknown: uk1{doubled}")
    assert refused.status == 400
    assert 'line 9: key "foo" already set in map' in refused.json["message"]
