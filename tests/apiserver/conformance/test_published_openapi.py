"""The OpenAPI document of version 2 follows the definitions of custom resources."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.conformance.definitions import Gadgets, version
from tests.apiserver.servers import ApiServer

JsonObject = dict[str, Any]

_BAR = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "description": "Name of Bar."},
        "feeling": {"type": "string", "enum": ["Great", "Down"]},
        "bazs": {"type": "array", "items": {"type": "string"}},
    },
}
_FOO = {
    "spec": {"type": "object", "properties": {"bars": {"type": "array", "items": _BAR}}},
    "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
}
_WALDO = {"spec": {"type": "object", "properties": {"dummy": {"type": "string", "description": "Dummy."}}}}


def published(gadgets: Gadgets, version: str) -> JsonObject | None:
    """Return the properties of the kind in the document, without those that every kind has."""
    name = ".".join((*reversed(gadgets.group.split(".")), version, gadgets.kind))
    schema = ok(gadgets.server, "GET", "/openapi/v2")["definitions"].get(name)
    if schema is None:
        return None
    common = ("apiVersion", "kind", "metadata")
    return {name: node for name, node in schema["properties"].items() if name not in common}


def _is_published(gadgets: Gadgets, version: str, properties: JsonObject | None) -> bool:
    return published(gadgets, version) == properties


def publish(gadgets: Gadgets, properties: JsonObject, *versions: str) -> None:
    """Define versions with the same schema, and wait until all are in the document."""
    gadgets.define([version(name, properties, storage=index == 0) for index, name in enumerate(versions)])
    for name in versions:
        eventually(partial(_is_published, gadgets, name, properties))


def withdraw(gadgets: Gadgets, *versions: str) -> None:
    gadgets.remove()
    for name in versions:
        eventually(partial(_is_published, gadgets, name, None))


@pytest.mark.entry("CustomResourcePublishOpenAPI works for multiple CRDs of different groups")
def test_kinds_of_different_groups_are_published(server: ApiServer) -> None:
    foos, waldos = Gadgets(server, kind="Foo"), Gadgets(server, kind="Waldo")
    assert foos.group != waldos.group
    publish(foos, _FOO, "v1")
    publish(waldos, _WALDO, "v1beta1")
    assert published(foos, "v1") == _FOO
    withdraw(foos, "v1")
    withdraw(waldos, "v1beta1")


@pytest.mark.entry(
    "CustomResourcePublishOpenAPI works for multiple CRDs of same group but different versions"
)
def test_versions_of_a_group_are_published(server: ApiServer) -> None:
    several = Gadgets(server)
    publish(several, _FOO, "v2", "v3")
    withdraw(several, "v2", "v3")
    foos = Gadgets(server, kind="Foo")
    waldos = Gadgets(server, kind="Waldo", group=foos.group)
    publish(foos, _FOO, "v4")
    publish(waldos, _WALDO, "v5")
    assert published(foos, "v4") == _FOO
    withdraw(foos, "v4")
    withdraw(waldos, "v5")


@pytest.mark.entry(
    "CustomResourcePublishOpenAPI works for multiple CRDs of same group and version but different kinds"
)
def test_kinds_of_a_version_are_published(server: ApiServer) -> None:
    foos = Gadgets(server, kind="Foo")
    waldos = Gadgets(server, kind="Waldo", group=foos.group)
    publish(foos, _FOO, "v6")
    publish(waldos, _WALDO, "v6")
    assert published(foos, "v6") == _FOO
    withdraw(foos, "v6")
    assert published(waldos, "v6") == _WALDO
    withdraw(waldos, "v6")


@pytest.mark.entry("CustomResourcePublishOpenAPI updates the published spec when one version gets renamed")
def test_a_renamed_version_is_published_by_its_new_name(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    publish(gadgets, _FOO, "v2", "v3")
    path = "/spec/versions/1/name"
    patch = [{"op": "test", "path": path, "value": "v3"}, {"op": "replace", "path": path, "value": "v4"}]
    ok(server, "PATCH", gadgets.item, patch, content_type="application/json-patch+json")
    eventually(lambda: published(gadgets, "v4") == _FOO)
    eventually(lambda: published(gadgets, "v3") is None)
    assert published(gadgets, "v2") == _FOO
    withdraw(gadgets, "v2", "v4")


@pytest.mark.entry(
    "CustomResourcePublishOpenAPI removes definition from spec when one version gets changed to not be served"
)
def test_a_version_that_is_no_longer_served_is_removed(server: ApiServer) -> None:
    gadgets = Gadgets(server)
    publish(gadgets, _FOO, "v5", "v6alpha1")
    before = ok(server, "GET", gadgets.item)
    before["spec"]["versions"][1]["served"] = False
    after = merge(server, gadgets.item, {"spec": {"versions": before["spec"]["versions"]}})
    assert int(before["metadata"]["resourceVersion"]) < int(after["metadata"]["resourceVersion"])
    eventually(lambda: published(gadgets, "v6alpha1") is None)
    assert published(gadgets, "v5") == _FOO
    withdraw(gadgets, "v5", "v6alpha1")
