"""The server's own group versions are registered as APIServices."""

from __future__ import annotations

import asyncio

from kprov.kube.apiserver.bootstrap import api_services
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
