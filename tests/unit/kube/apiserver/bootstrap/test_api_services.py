"""The server's own group versions are registered as APIServices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from kprov.kube.apiserver.bootstrap import api_services
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.registry.apiextensions import definition_state
from kprov.kube.apiserver.registry.apiextensions.definition_status import DefinitionStatusWriter
from kprov.kube.apiserver.registry.apiextensions.definitions import Definitions
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.resources import group_versions


def test_every_group_version_but_its_own_has_a_priority() -> None:
    assert {*group_versions()} - {*api_services.PRIORITIES} == {("apiregistration.k8s.io", "v1")}


async def test_they_are_made_and_are_available(registry: Registry) -> None:
    done = asyncio.Event()
    task = asyncio.create_task(api_services.run(registry, done.set))
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    store = registry.store("apiregistration.k8s.io", "apiservices")
    found = await store.get(make_system_context("get", store.resource), "", "v2.autoscaling")
    assert found["spec"] == {
        "group": "autoscaling",
        "version": "v2",
        "groupPriorityMinimum": 17500,
        "versionPriority": 30,
    }
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"]) == ("Available", "True", "Local")
    assert await store.get(make_system_context("get", store.resource), "", "v1.")


class Services:
    """Definitions and the APIServices that follow them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store("apiextensions.k8s.io", "customresourcedefinitions")
        self._services = registry.store("apiregistration.k8s.io", "apiservices")
        self._definitions = Definitions(self._store.cache)
        self._worker = api_services.CustomApiServices(registry, self._definitions)

    def start(self) -> asyncio.Task[None]:
        return asyncio.create_task(self._worker.run(lambda: None))

    async def define(self, group: str) -> None:
        """Create an established definition."""
        obj = make_definition(group)
        context = make_system_context("create", self._store.resource)
        await self._store.create(context, "", obj)
        await self._store.catch_up()
        definition = self._definitions.get(obj["metadata"]["name"])
        assert definition is not None
        status = dict(definition.summary["status"])
        definition_state.set_condition(status, definition_state.ESTABLISHED, "True", "Test", "")
        await DefinitionStatusWriter(self._store).write(definition, status)

    async def remove(self, group: str) -> None:
        key = self._store.cache.key("", f"gadgets.{group}")
        found = await self._registry.storage.get(key)
        assert found is not None
        await self._registry.storage.delete(key, expected=found.revision)

    async def delete_service(self, name: str) -> None:
        context = make_system_context("delete", self._services.resource, "", name)
        await self._services.delete(context, "", name)

    def find_uid(self, name: str) -> str:
        """Return the UID of a service, empty without it."""
        service = self._services.lister.get_shared("", name)
        return "" if service is None else str(service["metadata"]["uid"])

    async def wait_for_another(self, name: str, uid: str) -> None:
        """Wait until a service exists again, with another UID."""
        async with asyncio.timeout(10):
            while self.find_uid(name) in {"", uid}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def wait_for(self, *names: str) -> None:
        async with asyncio.timeout(10):
            while {entry.name for entry in self._services.cache.select(Selection())} != {*names}:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


def make_definition(group: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"plural": "gadgets", "singular": "gadget", "kind": "Gadget", "listKind": "GadgetList"}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return {
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


@pytest.fixture
async def services(registry: Registry) -> AsyncIterator[Services]:
    made = Services(registry)
    await made.define("a.example.com")
    task = made.start()
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_services_of_definitions_come_and_go_with_them(services: Services) -> None:
    await services.wait_for("v1.a.example.com")
    await services.define("b.example.com")
    await services.wait_for("v1.a.example.com", "v1.b.example.com")
    await services.remove("a.example.com")
    await services.wait_for("v1.b.example.com")


async def test_a_service_that_somebody_deletes_returns(services: Services) -> None:
    await services.wait_for("v1.a.example.com")
    uid = services.find_uid("v1.a.example.com")
    await services.delete_service("v1.a.example.com")
    await services.wait_for_another("v1.a.example.com", uid)
    await services.define("b.example.com")
    await services.wait_for("v1.a.example.com", "v1.b.example.com")


async def test_a_change_of_one_definition_looks_at_its_own_services_only(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await services.wait_for("v1.a.example.com")
    await services.define("b.example.com")
    await services.wait_for("v1.a.example.com", "v1.b.example.com")
    looked_at = set[str]()
    ensure = api_services._ensure

    async def ensure_and_note(registry: Registry, group: str, version: str) -> None:
        looked_at.add(group)
        await ensure(registry, group, version)

    monkeypatch.setattr(api_services, "_ensure", ensure_and_note)
    await services.define("c.example.com")
    await services.wait_for("v1.a.example.com", "v1.b.example.com", "v1.c.example.com")
    assert looked_at == {"c.example.com"}
