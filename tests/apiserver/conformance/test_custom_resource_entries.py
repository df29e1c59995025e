"""Entries of the conformance list about definitions of custom resources and watches of their objects."""

from __future__ import annotations

import contextlib

import pytest

from tests.apiserver.conformance.calls import eventually, merge, ok, watching
from tests.apiserver.conformance.definitions import DEFINITIONS, Gadgets, version
from tests.apiserver.servers import ApiServer

_JSON_PATCH = "application/json-patch+json"


@pytest.mark.entry(
    "CustomResourceDefinition resources Simple CustomResourceDefinition creating/deleting custom resource definition objects works"
)
def test_creating_and_deleting_definitions_works(server: ApiServer) -> None:
    gadgets = Gadgets(server, scope="Cluster")
    gadgets.define([version()])
    assert ok(server, "GET", gadgets.path())["kind"] == "GadgetList"
    gadgets.remove()
    assert server.get(gadgets.path()).status == 404


@pytest.mark.entry(
    "CustomResourceDefinition resources Simple CustomResourceDefinition listing custom resource definition objects works"
)
def test_listing_definitions_works(server: ApiServer) -> None:
    labelled = [Gadgets(server, scope="Cluster") for _ in range(10)]
    for gadgets in labelled:
        definition = gadgets.describe([version()])
        definition["metadata"]["labels"] = {"entry": "list"}
        ok(server, "POST", DEFINITIONS, definition)
    other = Gadgets(server, scope="Cluster")
    other.define([version()])
    selected = f"{DEFINITIONS}?labelSelector=entry=list"
    listed = {item["metadata"]["name"]: item["spec"] for item in ok(server, "GET", selected)["items"]}
    assert set(listed) == {gadgets.name for gadgets in labelled}
    for gadgets in labelled:
        assert ok(server, "GET", gadgets.item)["spec"] == listed[gadgets.name]
    ok(server, "DELETE", selected)
    eventually(lambda: ok(server, "GET", selected)["items"] == [])
    assert ok(server, "GET", other.item)["metadata"]["name"] == other.name


@pytest.mark.entry(
    "CustomResourceDefinition resources Simple CustomResourceDefinition getting/updating/patching custom resource definition status sub-resource works"
)
def test_status_of_definitions_works(server: ApiServer) -> None:
    gadgets = Gadgets(server, scope="Cluster")
    gadgets.define([version()])
    status = f"{gadgets.item}/status"
    definition = ok(server, "GET", status)
    assert definition["spec"] == ok(server, "GET", gadgets.item)["spec"]
    # Upstream's entry sends no type either.
    definition["status"]["conditions"].append(
        {"type": "", "status": "", "message": "updated", "lastTransitionTime": None}
    )
    updated = ok(server, "PUT", status, definition)
    assert "updated" in {condition.get("message") for condition in updated["status"]["conditions"]}
    patch = [{"op": "add", "path": "/status/conditions", "value": [{"message": "patched"}]}]
    patched = ok(server, "PATCH", status, patch, content_type=_JSON_PATCH)
    assert "patched" in {condition.get("message") for condition in patched["status"]["conditions"]}


@pytest.mark.entry(
    "CustomResourceDefinition resources custom resource defaulting for requests and from storage works"
)
def test_defaulting_for_requests_and_from_storage_works(server: ApiServer) -> None:
    gadgets = Gadgets(server, scope="Cluster")
    gadgets.define([version("v1", {"a": {"type": "string"}, "b": {"type": "string"}})])
    first = ok(server, "POST", gadgets.path(), gadgets.make("one"))
    assert "a" not in first
    schema = "/spec/versions/0/schema/openAPIV3Schema/properties"
    added = {"op": "add", "path": f"{schema}/a/default", "value": "A"}
    ok(server, "PATCH", gadgets.item, [added], content_type=_JSON_PATCH)
    eventually(lambda: ok(server, "GET", gadgets.path("", "one")).get("a") == "A")
    second = ok(server, "POST", gadgets.path(), gadgets.make("two"))
    assert second["a"] == "A"
    removed = {"op": "remove", "path": f"{schema}/a/default"}
    added = {"op": "add", "path": f"{schema}/b/default", "value": "B"}
    ok(server, "PATCH", gadgets.item, [removed, added], content_type=_JSON_PATCH)
    eventually(lambda: ok(server, "GET", gadgets.path("", "two")).get("b") == "B")
    assert ok(server, "GET", gadgets.path("", "two"))["a"] == "A"
    assert int(first["metadata"]["resourceVersion"]) < int(second["metadata"]["resourceVersion"])


@pytest.mark.entry(
    "CustomResourceDefinition Watch CustomResourceDefinition Watch watch on custom resource definition objects"
)
def test_watches_of_custom_resources(server: ApiServer) -> None:
    gadgets = Gadgets(server, scope="Cluster")
    gadgets.define([version()])
    names = ("name1", "name2")
    with contextlib.ExitStack() as stack:
        watches = {
            name: stack.enter_context(watching(server, gadgets.path(), fieldSelector=f"metadata.name={name}"))
            for name in names
        }
        # Each step is of both objects: what the other watch does not get would be the next event of it.
        for name in names:
            made = ok(server, "POST", gadgets.path(), gadgets.make(name))
            assert watches[name].next() == ("ADDED", made)
        for name in names:
            changed = merge(server, gadgets.path("", name), {"spec": {"changed": True}})
            assert watches[name].next() == ("MODIFIED", changed)
        for name in names:
            ok(server, "DELETE", gadgets.path("", name))
            kind, obj = watches[name].next()
            assert (kind, obj["metadata"]["name"]) == ("DELETED", name)
