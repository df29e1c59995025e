"""Entries of the conformance list in which kubectl checks and explains custom objects by what the server publishes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.apiserver.clients.kubectl import Kubectl
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.conformance.definitions import Gadgets

_BAR = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "description": "Name of Bar."},
        "age": {"type": "string", "description": "Age of Bar."},
        "feeling": {"type": "string", "enum": ["Great", "Down"]},
        "bazs": {"type": "array", "description": "List of Bazs.", "items": {"type": "string"}},
    },
}
_FOO = {
    "type": "object",
    "description": "Foo CRD for Testing",
    "properties": {
        "spec": {
            "type": "object",
            "description": "Specification of Foo",
            "properties": {
                "bars": {"type": "array", "description": "List of Bars and their specs.", "items": _BAR}
            },
        },
    },
}
_PRESERVE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def define(kubectl: Kubectl, schema: Mapping[str, Any]) -> Gadgets:
    """Define gadgets with that schema, and wait until it is published.

    kubectl explains a new group only after a command that made it discover the groups again.
    """
    gadgets = Gadgets(kubectl.server)
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": dict(schema)}}
    gadgets.define([version])
    eventually(lambda: kubectl.server.get(f"/openapi/v3/apis/{gadgets.group}/v1").status == 200)
    return gadgets


def accept(kubectl: Kubectl, gadgets: Gadgets, **fields: Any) -> None:
    """Create the object and apply it; both have to succeed."""
    for verb in ("create", "apply"):
        kubectl(verb, "-f", "-", stdin=gadgets.make("test-cr", **fields))
        kubectl("delete", gadgets.name, "test-cr")


def refuse(kubectl: Kubectl, gadgets: Gadgets, text: str, **fields: Any) -> None:
    """Create the object and apply it; both have to fail with the text."""
    for verb in ("create", "apply"):
        assert text in kubectl.refused(verb, "-f", "-", stdin=gadgets.make("test-cr", **fields))


def explain(kubectl: Kubectl, path: str, *parts: str) -> None:
    """Check that the parts stand in the explanation in their order."""
    text = kubectl("explain", path)
    assert re.search(".*".join(parts), text, re.DOTALL), text


@pytest.mark.entry("CustomResourcePublishOpenAPI works for CRD with validation schema")
def test_a_schema_is_validated_and_explained(kubectl: Kubectl) -> None:
    gadgets = define(kubectl, _FOO)
    accept(kubectl, gadgets, spec={"bars": [{"name": "test-bar"}]})
    feeling = {"bars": [{"name": "test-bar", "feeling": "NonExistentValue"}]}
    refuse(kubectl, gadgets, 'Unsupported value: "NonExistentValue"', spec=feeling)
    refuse(kubectl, gadgets, 'unknown field "spec.foo"', spec={"foo": True})
    refuse(kubectl, gadgets, "spec.bars[0].name: Required value", spec={"bars": [{"age": "10"}]})
    name = gadgets.name
    described = (
        "DESCRIPTION:",
        "Foo CRD for Testing",
        "FIELDS:",
        "apiVersion",
        "<string>",
        "APIVersion defines",
    )
    explain(kubectl, name, *described, "spec", "<Object>", "Specification of Foo")
    created = ("creationTimestamp", "<string>", "CreationTimestamp is a timestamp")
    explain(kubectl, f"{name}.metadata", "DESCRIPTION:", "Standard object's metadata", "FIELDS:", *created)
    bars = ("bars", r"<\[\]Object>", "List of Bars and their specs")
    explain(kubectl, f"{name}.spec", "DESCRIPTION:", "Specification of Foo", "FIELDS:", *bars)
    bazs = ("bazs", r"<\[\]string>", "List of Bazs", "name", "<string>", "Name of Bar")
    field = ("FIELD:.*bars", r"<\[\]Object>", "DESCRIPTION:", "List of Bars and their specs")
    explain(kubectl, f"{name}.spec.bars", *field, "FIELDS:", *bazs)
    assert 'field "bars2" does not exist' in kubectl.refused("explain", f"{name}.spec.bars2")


@pytest.mark.entry("CustomResourcePublishOpenAPI works for CRD without validation schema")
def test_without_a_schema_everything_is_accepted(kubectl: Kubectl) -> None:
    gadgets = define(kubectl, _PRESERVE)
    accept(kubectl, gadgets, a={"b": [{"c": "d"}]})
    explain(kubectl, gadgets.name, "DESCRIPTION:", "<empty>")


@pytest.mark.entry("CustomResourcePublishOpenAPI works for CRD preserving unknown fields at the schema root")
def test_unknown_fields_are_preserved_at_the_root(kubectl: Kubectl) -> None:
    fields = {"spec": {"type": "object"}, "status": {"type": "object"}}
    gadgets = define(kubectl, _PRESERVE | {"properties": fields})
    accept(kubectl, gadgets, a={"b": [{"c": "d"}]})
    explain(kubectl, gadgets.name, "KIND:", "Gadget")


@pytest.mark.entry(
    "CustomResourcePublishOpenAPI works for CRD preserving unknown fields in an embedded object"
)
def test_unknown_fields_are_preserved_in_an_embedded_object(kubectl: Kubectl) -> None:
    text = "preserve-unknown-properties in nested field for Testing"
    gadgets = define(kubectl, {"type": "object", "description": text, "properties": {"spec": _PRESERVE}})
    accept(kubectl, gadgets, spec={"a": None, "b": [{"c": "d"}]})
    explain(kubectl, gadgets.name, "DESCRIPTION:", text)
