"""Writes of services through the registry, and what is allocated in it."""

from __future__ import annotations

from typing import Any

from kprov.kube.apiserver.registry.core.service.allocators.node_port import PREFIX
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject


async def create_service(registry: Registry, obj: JsonObject, *, dry_run: bool = False) -> JsonObject:
    store = registry.store("", "services")
    context = make_system_context("create", store.resource)
    context.dry_run = dry_run
    return await store.create(context, "default", obj)


async def change_service(registry: Registry, name: str, **spec: Any) -> JsonObject:
    store = registry.store("", "services")

    def write(obj: JsonObject | None) -> JsonObject:
        assert obj is not None
        obj["spec"].update(spec)
        return obj

    return (await store.update(make_system_context("update", store.resource), "default", name, write))[0]


async def list_addresses(registry: Registry) -> set[str]:
    store = registry.store("networking.k8s.io", "ipaddresses")
    return {obj["metadata"]["name"] for obj in await store.list(make_system_context("list", store.resource))}


async def list_node_ports(registry: Registry) -> set[int]:
    page = await registry.storage.list(PREFIX)
    return {int(item.key.removeprefix(PREFIX)) for item in page.items}
