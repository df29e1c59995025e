"""One store of config maps over a storage in memory, with its cache following."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.apiserver.app import list_stored_resources
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.generic.strategy import Strategy
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.resources import find

_SPEC = importlib.util.spec_from_file_location(
    "memory_storage", Path(__file__).with_name("memory_storage.py")
)
assert _SPEC is not None
assert _SPEC.loader is not None
memory_storage = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(memory_storage)

StoreMaker = Callable[..., Store]


@pytest.fixture
def storage() -> Any:
    return memory_storage.MemoryStorage()


@pytest.fixture
async def make_store(storage: Any) -> AsyncIterator[StoreMaker]:
    """make_store(group, version, plural, strategy) gives a store whose cache is filled and follows."""
    tasks: list[asyncio.Task[None]] = []

    def make(group: str, version: str, plural: str, strategy: Strategy | None = None) -> Store:
        resource = find(group, version, plural)
        assert resource is not None
        rules = strategy or Strategy()
        cache = ResourceCache(resource, rules.list_selectable_fields)
        cacher = Cacher(storage, [cache])
        tasks.append(asyncio.create_task(cacher.run()))
        return Store(resource=resource, strategy=rules, storage=storage, cacher=cacher, cache=cache)

    yield make
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def config_maps(make_store: StoreMaker) -> Store:
    store = make_store("", "v1", "configmaps")
    await store.lister.start()
    return store


@pytest.fixture
def context(config_maps: Store) -> RequestContext:
    return make_system_context("create", config_maps.resource, "default")


@pytest.fixture
async def registry(storage: Any) -> AsyncIterator[Registry]:
    """Stores of all kinds with their own rules, without admission and hooks; the cache is filled and follows."""
    prepared = [(resource, find_strategy(resource)) for resource in list_stored_resources()]
    caches = [
        ResourceCache(resource, rules.list_selectable_fields, folder=rules.storage_folder)
        for resource, rules in prepared
    ]
    cacher = Cacher(storage, caches)
    stores = [
        Store(resource=resource, strategy=rules, storage=storage, cacher=cacher, cache=cache)
        for (resource, rules), cache in zip(prepared, caches, strict=True)
    ]
    task = asyncio.create_task(cacher.run())
    await cacher.loaded.wait()
    yield Registry(stores, storage, cacher)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


Put = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def put(registry: Registry) -> Put:
    """put(group, plural, obj) stores an object and waits until the cache has it."""

    async def put_object(group: str, plural: str, obj: dict[str, Any]) -> dict[str, Any]:
        store = registry.store(group, plural)
        namespace = obj["metadata"].get("namespace", "")
        made = await store.create(make_system_context("create", store.resource, namespace), namespace, obj)
        await store.catch_up()
        return made

    return put_object
