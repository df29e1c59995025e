"""default/kubernetes leads to the API servers that live."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from typing import Any

from kprov.kube.apiserver.bootstrap import kubernetes_service, system
from kprov.kube.apiserver.bootstrap.kubernetes_service import ServerLeases, publish_endpoints
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def endpoints(registry: Registry) -> list[str]:
    store = registry.store("", "endpoints")
    obj = await store.get(make_system_context("get", store.resource), "default", "kubernetes")
    return [address["ip"] for subset in obj.get("subsets", []) for address in subset["addresses"]]


async def run_until_done(options: Namespace, registry: Registry) -> asyncio.Task[None]:
    done = asyncio.Event()
    task = asyncio.create_task(kubernetes_service.run(options, registry, done.set))
    await done.wait()
    return task


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_service_has_the_first_address_and_this_server_behind_it(
    registry: Registry, options: Namespace
) -> None:
    task = await run_until_done(options, registry)
    store = registry.store("", "services")
    made = await store.get(make_system_context("get", store.resource), "default", "kubernetes")
    assert made["spec"]["clusterIP"] == "10.96.0.1"
    assert await endpoints(registry) == ["192.0.2.1"]
    slices = registry.store("discovery.k8s.io", "endpointslices")
    found = await slices.get(make_system_context("get", slices.resource), "default", "kubernetes")
    assert found["endpoints"] == [{"addresses": ["192.0.2.1"], "conditions": {"ready": True}}]
    await stop(task)


async def test_a_server_that_ends_leaves_the_endpoints(make_server: Any, options: Namespace) -> None:
    first, second = await make_server(), await make_server()
    one = await run_until_done(options, first)
    other = Namespace(**{**vars(options), "advertise_address": "192.0.2.2"})
    two = await run_until_done(other, second)
    assert await endpoints(first) == ["192.0.2.1", "192.0.2.2"]
    await stop(two)
    assert await endpoints(first) == ["192.0.2.1"]
    await stop(one)


async def test_a_server_that_is_silent_for_a_lease_does_not_count(storage: Any) -> None:
    clock = Clock()
    living = ServerLeases(storage, "192.0.2.1", clock=clock)
    dead = ServerLeases(storage, "192.0.2.2", clock=clock)
    await living.renew()
    await dead.renew()
    assert await living.list_addresses() == ["192.0.2.1", "192.0.2.2"]
    clock.now += 10
    await living.renew()
    assert await living.list_addresses() == ["192.0.2.1", "192.0.2.2"]
    clock.now += 10
    await living.renew()
    assert await living.list_addresses() == ["192.0.2.1"]


async def test_nothing_is_written_when_the_endpoints_are_right(registry: Registry, storage: Any) -> None:
    await publish_endpoints(registry, ["192.0.2.1"], 6443)
    await registry.store("", "endpoints").catch_up()
    before = await storage.current_revision()
    await publish_endpoints(registry, ["192.0.2.1"], 6443)
    assert await storage.current_revision() == before


async def test_system_objects_are_made_once_by_servers_that_start_together(make_server: Any) -> None:
    servers = [await make_server() for _ in range(3)]
    done = asyncio.Event()
    await asyncio.gather(*(system.create_priority_classes(each, done.set) for each in servers))
    store = servers[0].store("scheduling.k8s.io", "priorityclasses")
    found = await store.list(make_system_context("list", store.resource))
    assert {obj["metadata"]["name"]: obj["value"] for obj in found} == {
        "system-node-critical": 2000001000,
        "system-cluster-critical": 2000000000,
    }
