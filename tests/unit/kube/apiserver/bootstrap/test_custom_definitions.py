"""The removal of a definition's objects, which several servers do at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from kprov.kube.apiserver.bootstrap.custom_definitions import DefinitionController
from kprov.kube.apiserver.registry.custom_kinds import CustomKindsPublisher
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject

_NAME = "gadgets.example.com"


def make_definition() -> JsonObject:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": _NAME},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


class Cluster:
    """A store of definitions with the tasks of one server, which the test can stop and begin again."""

    def __init__(self, registry: Registry) -> None:
        self.publisher = CustomKindsPublisher(registry)
        self.store = registry.store("apiextensions.k8s.io", "customresourcedefinitions")
        self._registry = registry
        self._tasks: list[asyncio.Task[None]] = [asyncio.create_task(self.publisher.run())]

    def begin_controller(self) -> asyncio.Task[None]:
        controller = DefinitionController(self._registry, self.publisher)
        task = asyncio.create_task(controller.run(lambda: None))
        self._tasks.append(task)
        return task

    async def define(self) -> JsonObject:
        """Create the definition and wait until it is established."""
        made = await self.store.create(
            make_system_context("create", self.store.resource), "", make_definition()
        )
        await self._wait_for(self._is_established)
        return made

    def _is_established(self) -> bool:
        definition = self.store.lister.get("", _NAME) or {}
        conditions = definition.get("status", {}).get("conditions") or ()
        return ("Established", "True") in {(item["type"], item["status"]) for item in conditions}

    async def _wait_for(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def delete(self) -> None:
        await self.store.delete(make_system_context("delete", self.store.resource), "", _NAME)

    async def wait_until_removed(self) -> None:
        await self._wait_for(lambda: self.store.lister.get("", _NAME) is None)
        await self._wait_for(lambda: self.publisher.find(_NAME) is None)

    def find_gadgets(self) -> Store:
        published = self.publisher.find(_NAME)
        assert published is not None
        return published.store

    async def create(self, name: str) -> None:
        gadgets = self.find_gadgets()
        obj = {
            "apiVersion": "example.com/v1",
            "kind": "Gadget",
            "metadata": {"name": name, "namespace": "default"},
        }
        await gadgets.create(make_system_context("create", gadgets.resource, "default"), "default", obj)

    async def list_names(self) -> list[str]:
        gadgets = self.find_gadgets()
        objects = await gadgets.list(make_system_context("list", gadgets.resource))
        return [obj["metadata"]["name"] for obj in objects]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def cluster(registry: Registry) -> AsyncIterator[Cluster]:
    made = Cluster(registry)
    yield made
    await made.stop()


async def test_a_deleted_definition_goes_when_its_objects_are_gone(cluster: Cluster) -> None:
    cluster.begin_controller()
    await cluster.define()
    await cluster.create("one")
    await cluster.delete()
    await cluster.wait_until_removed()
    await cluster.define()
    assert await cluster.list_names() == []


async def test_objects_of_a_new_definition_stay_though_the_old_one_is_being_removed(
    cluster: Cluster, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another server has removed the old definition, and a client has made a new one with its name."""
    cluster.begin_controller()
    definition = await cluster.define()
    finalizing, going_on = asyncio.Event(), asyncio.Event()
    wait = cluster.publisher.wait_until_published

    async def wait_until_published() -> None:
        await wait()
        finalizing.set()
        await going_on.wait()

    await cluster.create("old")
    monkeypatch.setattr(cluster.publisher, "wait_until_published", wait_until_published)
    await cluster.delete()
    await finalizing.wait()
    # What the other server does: it removes the objects, then the definition.
    gadgets = cluster.find_gadgets()
    await gadgets.delete(make_system_context("delete", gadgets.resource, "default"), "default", "old")
    key = f"/registry/apiextensions.k8s.io/customresourcedefinitions/{_NAME}"
    await storage.delete(key, expected=storage.keys[key].revision)
    await cluster.wait_until_removed()
    renewed = await cluster.define()
    assert renewed["metadata"]["uid"] != definition["metadata"]["uid"]
    await cluster.create("new")
    going_on.set()
    await asyncio.sleep(1.5)  # three polls of the finalizer
    assert await cluster.list_names() == ["new"]
    (newest,) = cluster.store.lister.list_shared()
    assert "Terminating" not in {item["type"] for item in newest["status"]["conditions"]}
