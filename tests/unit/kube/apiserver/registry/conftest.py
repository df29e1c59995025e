"""API servers over one storage in memory: all stores with their strategies and hooks."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from kprov.kube.apiserver import authz
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.registry.generic.store import Store
from kprov.kube.apiserver.registry.kinds import find_strategy
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery.resources import find

RESOURCES = (
    ("", "namespaces"),
    ("", "services"),
    ("", "endpoints"),
    ("", "pods"),
    ("", "secrets"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("apiregistration.k8s.io", "apiservices"),
    ("apps", "deployments"),
    ("batch", "jobs"),
    ("certificates.k8s.io", "certificatesigningrequests"),
    ("discovery.k8s.io", "endpointslices"),
    ("flowcontrol.apiserver.k8s.io", "flowschemas"),
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"),
    ("networking.k8s.io", "ipaddresses"),
    ("resource.k8s.io", "deviceclasses"),
    ("resource.k8s.io", "resourceclaims"),
    ("resource.k8s.io", "resourceclaimtemplates"),
    ("resource.k8s.io", "resourceslices"),
    ("scheduling.k8s.io", "priorityclasses"),
)

ServerMaker = Callable[..., Awaitable[Registry]]


@pytest.fixture
def options() -> Namespace:
    return Namespace(
        service_cluster_ip_range="10.96.0.0/24",
        service_node_port_range="30000-30031",
        advertise_address="192.0.2.1",
        bind_address="0.0.0.0",
        secure_port=6443,
        endpoint_reconciler_type="lease",
        authorization_mode=["AlwaysAllow"],
    )


@pytest.fixture
async def make_server(storage: Any, options: Namespace) -> AsyncIterator[ServerMaker]:
    """Each call is one more API server on the same storage."""
    tasks: list[asyncio.Task[None]] = []

    async def make() -> Registry:
        prepared = []
        for group, plural in RESOURCES:
            resource = find(group, "v1", plural)
            assert resource is not None
            strategy = find_strategy(resource)
            cache = ResourceCache(resource, strategy.list_selectable_fields, folder=strategy.storage_folder)
            prepared.append((resource, strategy, cache))
        cacher = Cacher(storage, [cache for _, _, cache in prepared])
        stores = [
            Store(resource=resource, strategy=strategy, storage=storage, cacher=cacher, cache=cache)
            for resource, strategy, cache in prepared
        ]
        registry = Registry(stores, storage, cacher)
        authorizer = authz.build(options, registry)
        for store in stores:
            store.hooks = store.strategy.make_hooks(options, registry, authorizer)
        tasks.append(asyncio.create_task(cacher.run()))
        await cacher.loaded.wait()
        return registry

    yield make
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def registry(make_server: ServerMaker) -> Registry:
    return await make_server()
