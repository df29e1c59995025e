"""ResourceQuota over one storage that several writers share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from kprov.kube.apiserver.admission.plugin import Attributes
from kprov.kube.apiserver.admission.resource_quota import ResourceQuota
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.status import StatusError

Put = Callable[..., Awaitable[dict[str, Any]]]


def attributes(registry: Registry, name: str) -> Attributes:
    resource = registry.store("", "configmaps").resource
    return Attributes(
        context=make_system_context("create", resource, "default", name),
        operation="CREATE",
        resource=resource,
        subresource="",
        namespace="default",
        name=name,
        obj={"metadata": {"name": name, "namespace": "default"}},
        old=None,
        options={},
    )


async def quota(registry: Registry, put: Put, name: str, hard: int, used: int = 0) -> None:
    metadata = {"name": name, "namespace": "default"}
    await put("", "resourcequotas", {"metadata": metadata, "spec": {"hard": {"configmaps": str(hard)}}})
    store = registry.store("", "resourcequotas")

    def counted(obj: dict[str, Any] | None) -> dict[str, Any]:
        assert obj is not None
        status = {"hard": {"configmaps": str(hard)}, "used": {"configmaps": str(used)}}
        return obj | {"status": status}

    context = make_system_context("update", store.resource, "default", name)
    await store.update(context, "default", name, counted, subresource="status")
    await store.catch_up()


async def used(registry: Registry, name: str) -> str:
    store = registry.store("", "resourcequotas")
    obj = await store.get(make_system_context("get", store.resource), "default", name)
    return str(obj["status"]["used"]["configmaps"])


async def ask(plugin: ResourceQuota, registry: Registry, name: str) -> bool:
    try:
        await plugin.validate(attributes(registry, name))
    except StatusError as error:
        if error.code != 403:
            raise
        return False
    return True


async def test_no_more_than_the_quota_is_given_by_all_together(registry: Registry, put: Put) -> None:
    await quota(registry, put, "q", 7)
    plugins = [ResourceQuota.from_stores(registry) for _ in range(3)]
    asked = [ask(plugins[number % 3], registry, f"a{number}") for number in range(20)]
    assert sum(await asyncio.gather(*asked)) == 7
    assert await used(registry, "q") == "7"


async def test_every_quota_of_the_namespace_has_a_say(registry: Registry, put: Put) -> None:
    await quota(registry, put, "wide", 9)
    await quota(registry, put, "narrow", 2)
    plugins = [ResourceQuota.from_stores(registry) for _ in range(2)]
    asked = [ask(plugins[number % 2], registry, f"a{number}") for number in range(6)]
    assert sum(await asyncio.gather(*asked)) == 2
    assert await used(registry, "narrow") == "2"


async def test_requests_that_wait_together_cost_one_write(registry: Registry, put: Put, storage: Any) -> None:
    await quota(registry, put, "q", 50)
    plugin, write = ResourceQuota.from_stores(registry), storage.update

    async def update(*arguments: Any, **more: Any) -> Any:
        """As a database does: others get their turn."""
        await asyncio.sleep(0)
        return await write(*arguments, **more)

    storage.update = update
    before = storage.revision
    assert all(await asyncio.gather(*(ask(plugin, registry, f"a{number}") for number in range(30))))
    assert await used(registry, "q") == "30"
    assert storage.revision - before <= 3


async def test_one_that_gives_up_waiting_holds_nobody_up(registry: Registry, put: Put) -> None:
    await quota(registry, put, "q", 5)
    plugin = ResourceQuota.from_stores(registry)
    first = asyncio.create_task(ask(plugin, registry, "a"))
    second = asyncio.create_task(ask(plugin, registry, "b"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await second
    assert await ask(plugin, registry, "c")
