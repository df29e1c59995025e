"""Definitions are read without their schemas."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import EntryDecoder
from kprov.kube.apiserver.registry.apiextensions.definition_status import DefinitionStatusWriter
from kprov.kube.apiserver.registry.apiextensions.definitions import Definitions
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError

_NAME = "gadgets.example.com"


def make_definition() -> JsonObject:
    schema = {
        "openAPIV3Schema": {
            "type": "object",
            "description": 'A <b> & "c"',
            "x-kubernetes-preserve-unknown-fields": True,
        }
    }
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    return {
        "metadata": {"name": _NAME, "labels": {"a": "b"}},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture
def store(registry: Registry) -> Store:
    return registry.store("apiextensions.k8s.io", "customresourcedefinitions")


@pytest.fixture
async def definitions(store: Store) -> Definitions:
    made = Definitions(store.cache)
    await store.create(make_system_context("create", store.resource), "", make_definition())
    await store.catch_up()
    return made


def test_a_summary_has_no_schemas(definitions: Definitions, store: Store) -> None:
    definition = definitions.get(_NAME)
    assert definition is not None
    whole = store.lister.get("", _NAME)
    assert whole is not None
    assert definition.summary["spec"]["versions"] == [{"name": "v1", "served": True, "storage": True}]
    assert definition.summary["spec"]["names"] == whole["spec"]["names"]
    assert definition.summary["status"] == whole["status"]
    assert definition.summary["metadata"] == whole["metadata"]
    assert definition.decode()["spec"] == whole["spec"]


def test_a_group_has_only_its_own_definitions(definitions: Definitions) -> None:
    assert [definition.entry.name for definition in definitions.list_group("example.com")] == [_NAME]
    assert not list(definitions.list_group("ample.com"))


async def test_a_status_is_written_as_by_an_update_of_the_whole_object(
    definitions: Definitions, store: Store, storage: Any
) -> None:
    definition = definitions.get(_NAME)
    assert definition is not None
    status = {**definition.summary["status"], "acceptedNames": {"plural": "gadgets", "kind": "Gadget"}}
    await DefinitionStatusWriter(store).write(definition, status)
    key = store.cache.key("", _NAME)
    written = storage.keys[key].value
    await storage.delete(key, expected=storage.keys[key].revision)
    await storage.create(key, store.cache.head + definition.entry.tail)

    def change(old: JsonObject | None) -> JsonObject:
        return {**(old or {}), "status": status}

    context = make_system_context("update", store.resource, "", _NAME)
    await store.catch_up()
    await store.update(context, "", _NAME, change, subresource="status")
    assert decode(storage.keys[key].value) == decode(written)
    assert storage.keys[key].value.count(b"<") == written.count(b"<")


def decode(value: bytes) -> JsonObject:
    """Without what differs between two writes: times, and the order of fields."""
    obj: JsonObject = orjson.loads(value)
    obj["metadata"].pop("resourceVersion", None)
    for entry in obj["metadata"]["managedFields"]:
        del entry["time"]
    return obj


async def test_a_status_of_an_older_revision_is_refused(definitions: Definitions, store: Store) -> None:
    definition = definitions.get(_NAME)
    assert definition is not None
    writer = DefinitionStatusWriter(store)
    await writer.write(definition, {**definition.summary["status"], "storedVersions": ["v1", "v2"]})
    with pytest.raises(StatusError) as caught:
        await writer.write(definition, definition.summary["status"])
    assert caught.value.reason == "Conflict"


async def test_a_change_of_the_status_does_not_decode_the_definition(
    definitions: Definitions, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_cache: ResourceCache, entry: Any) -> JsonObject:
        raise AssertionError(f"{entry.key} was decoded")

    monkeypatch.setattr(ResourceCache, "decode", refuse)
    definition = definitions.get(_NAME)
    assert definition is not None
    await DefinitionStatusWriter(store).write(
        definition, {**definition.summary["status"], "storedVersions": ["v9"]}
    )
    await store.catch_up()
    newest = definitions.get(_NAME)
    assert newest is not None
    assert newest.summary["status"]["storedVersions"] == ["v9"]
    assert newest.digest == definition.digest


async def test_a_new_definition_is_cached_as_it_was_written(
    registry: Registry, store: Store, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its conditions are null, which Go writes in no other kind."""

    def refuse(_decoder: EntryDecoder, key: str, _value: bytes) -> JsonObject:
        raise AssertionError(f"{key} was decoded")

    monkeypatch.setattr(EntryDecoder, "_decode_other", refuse)
    made = Definitions(store.cache)
    await store.create(make_system_context("create", store.resource), "", make_definition())
    await store.catch_up()
    definition = made.get(_NAME)
    assert definition is not None
    assert definition.summary["status"]["conditions"] is None
