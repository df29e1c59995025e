"""The removal of a definition's objects, which several servers do at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from kprov.kube.apiserver.bootstrap.custom_definitions import DefinitionController
from kprov.kube.apiserver.registry import custom_kinds
from kprov.kube.apiserver.registry.apiextensions import definition_state
from kprov.kube.apiserver.registry.apiextensions.custom_resource.kind_builder import CustomKinds, build_kinds
from kprov.kube.apiserver.registry.apiextensions.definition_status import DefinitionStatusWriter
from kprov.kube.apiserver.registry.custom_kinds import CustomKindsPublisher
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.schema.custom.structural import SchemaError
from kprov.kube.machinery.status import StatusError

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
        made = await self.create_definition(make_definition())
        await self.wait_for_established("InitialNamesAccepted")
        return made

    async def create_definition(self, definition: JsonObject) -> JsonObject:
        return await self.store.create(make_system_context("create", self.store.resource), "", definition)

    async def wait_for_established(self, reason: str) -> None:
        await self._wait_for(lambda: self.find_established().get("reason") == reason)

    def find_established(self) -> JsonObject:
        """Return the condition Established of gadgets, {} if there is none."""
        return self.find_condition("Established") or {}

    def find_condition(self, type_: str) -> JsonObject | None:
        """Return a condition of gadgets, None if there is none."""
        return definition_state.find_condition(self.store.lister.get("", _NAME) or {}, type_)

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
        await self.create_gadget(self.find_gadgets(), name)

    async def create_gadget(self, gadgets: Store, name: str) -> None:
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


async def test_a_server_that_missed_the_deletion_creates_no_object_any_more(
    cluster: Cluster, storage: Any
) -> None:
    cluster.begin_controller()
    await cluster.define()
    gadgets = cluster.find_gadgets()
    await cluster.delete()
    await cluster.wait_until_removed()
    await cluster.define()
    # Its hooks know of no deletion, and its kinds are those of the first definition.
    gadgets.hooks = Hooks()
    with pytest.raises(StatusError) as caught:
        await cluster.create_gadget(gadgets, "late")
    assert caught.value.code == 404
    assert not [key for key in storage.keys if "example.com/gadgets/" in key]


async def test_an_object_that_is_created_after_the_last_list_is_removed_too(
    cluster: Cluster, storage: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.begin_controller()
    await cluster.define()
    gadgets = cluster.find_gadgets()
    end, created = DefinitionStatusWriter.end, list[str]()

    async def create_and_end(writer: DefinitionStatusWriter, *args: Any, **more: Any) -> bool:
        if not created:
            created.append("late")
            gadgets.hooks = Hooks()
            await cluster.create_gadget(gadgets, "late")
        return await end(writer, *args, **more)

    monkeypatch.setattr(DefinitionStatusWriter, "end", create_and_end)
    await cluster.delete()
    await cluster.wait_until_removed()
    assert created
    assert not [key for key in storage.keys if "example.com/gadgets/" in key]


class Builds:
    """Builds of kinds, which fail while `fails` is set."""

    def __init__(self) -> None:
        self.fails = True
        self.error: Exception = ValueError("it is wrong")

    def build(self, definition: JsonObject, *more: Any) -> CustomKinds:
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        if self.fails and definition["metadata"]["name"] == _NAME and "description" in schema:
            raise self.error
        return build_kinds(definition, *more)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    """Builds of gadgets fail; what was written about them in the meantime is not repeated for a minute."""
    made = Builds()
    monkeypatch.setattr(custom_kinds, "build_kinds", made.build)
    return made


def describe(definition: JsonObject) -> JsonObject:
    """Set what makes the build fail."""
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "broken"
    return definition


async def test_a_definition_says_why_its_kinds_cannot_be_built_until_they_can(
    cluster: Cluster, builds: Builds
) -> None:
    cluster.begin_controller()
    await cluster.create_definition(describe(make_definition()))
    await cluster.wait_for_established("BuildFailed")
    condition = cluster.find_established()
    assert condition["status"] == "False"
    assert condition["message"] == "the server cannot serve the custom resources: it is wrong"
    builds.fails = False
    await cluster.wait_for_established("InitialNamesAccepted")
    assert cluster.find_established()["status"] == "True"


async def test_a_schema_that_is_not_structural_has_its_condition_until_it_is(
    cluster: Cluster, builds: Builds
) -> None:
    builds.error = SchemaError("it has no type")
    cluster.begin_controller()
    await cluster.create_definition(describe(make_definition()))
    await cluster.wait_for_established("BuildFailed")
    condition = cluster.find_condition("NonStructuralSchema")
    assert condition is not None
    assert (condition["status"], condition["reason"]) == ("Unknown", "StructuralError")
    assert condition["message"] == "failed to check validation schema: it has no type"
    builds.fails = False
    await cluster.wait_for_established("InitialNamesAccepted")
    assert cluster.find_condition("NonStructuralSchema") is None


async def test_a_build_that_fails_does_not_keep_others_waiting(cluster: Cluster, builds: Builds) -> None:
    cluster.begin_controller()
    await cluster.create_definition(describe(make_definition()))
    other = make_definition()
    other["metadata"]["name"] = "gizmos.example.com"
    other["spec"]["names"] = {
        "plural": "gizmos",
        "singular": "gizmo",
        "kind": "Gizmo",
        "listKind": "GizmoList",
    }
    await cluster.create_definition(other)
    async with asyncio.timeout(3):
        while cluster.publisher.find("gizmos.example.com") is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await cluster.publisher.wait_until_published()


async def test_a_definition_whose_kinds_cannot_be_built_goes_with_its_objects(
    cluster: Cluster, builds: Builds, registry: Registry, storage: Any
) -> None:
    builds.fails = False
    controller = cluster.begin_controller()
    await cluster.create_definition(describe(make_definition()))
    await cluster.wait_for_established("InitialNamesAccepted")
    await cluster.create("one")
    controller.cancel()
    await cluster.stop()
    # The next server cannot build the kinds.
    builds.fails = True
    other = Cluster(registry)
    other.begin_controller()
    await other.wait_for_established("BuildFailed")
    assert other.find_established()["status"] == "True"
    await other.delete()
    await other.wait_until_removed()
    assert not [key for key in storage.keys if "gadgets/" in key]
    await other.stop()


class SlowBuilds:
    """Builds of kinds, which begin and then wait for `go_on`."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.go_on = threading.Event()

    def build(self, definition: JsonObject, *more: Any) -> CustomKinds:
        self.begun.append(definition["metadata"]["name"])
        assert self.go_on.wait(10)
        return build_kinds(definition, *more)


@pytest.fixture
async def slow_builds(
    cluster: Cluster, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Cluster, SlowBuilds]]:
    """A server that starts with definitions of four groups and builds the first of them."""
    cluster.begin_controller()
    for number in range(4):
        definition = make_definition()
        definition["metadata"]["name"] = f"gadgets.g{number}.example.com"
        definition["spec"]["group"] = f"g{number}.example.com"
        await cluster.create_definition(definition)
    async with asyncio.timeout(10):
        while cluster.publisher.find("gadgets.g3.example.com") is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await cluster.stop()
    made = SlowBuilds()
    monkeypatch.setattr(custom_kinds, "build_kinds", made.build)
    other = Cluster(registry)
    async with asyncio.timeout(10):
        while not made.begun:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    yield other, made
    made.go_on.set()
    await other.stop()


async def test_a_requested_group_is_built_before_others(slow_builds: tuple[Cluster, SlowBuilds]) -> None:
    cluster, builds = slow_builds
    request = asyncio.create_task(cluster.publisher.wait_for_group("g3.example.com"))
    await asyncio.sleep(0.05)
    builds.go_on.set()
    assert await request
    assert builds.begun[:2] == ["gadgets.g0.example.com", "gadgets.g3.example.com"]
    assert cluster.publisher.find("gadgets.g3.example.com") is not None


async def test_a_request_to_a_group_whose_build_takes_too_long_is_to_be_repeated(
    slow_builds: tuple[Cluster, SlowBuilds], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, builds = slow_builds
    monkeypatch.setattr(custom_kinds, "_WAIT_SECONDS", 0.05)
    with pytest.raises(StatusError) as raised:
        await cluster.publisher.wait_for_group("g0.example.com")
    assert (raised.value.code, raised.value.retry_after_seconds) == (503, 1)
    builds.go_on.set()


async def test_a_server_is_ready_when_its_definitions_are_built(
    slow_builds: tuple[Cluster, SlowBuilds], registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, builds = slow_builds
    monkeypatch.setattr(custom_kinds, "_WAIT_SECONDS", 0.01)
    ready = asyncio.Event()
    controller = asyncio.create_task(DefinitionController(registry, cluster.publisher).run(ready.set))
    await asyncio.sleep(0.05)
    assert not ready.is_set()
    builds.go_on.set()
    async with asyncio.timeout(10):
        await ready.wait()
    assert cluster.publisher.find("gadgets.g3.example.com") is not None
    controller.cancel()
