"""Bind plugins replace the default one, or pass a pod on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, PluginError
from kprov.kube.scheduler.framework.status import SKIP, Status
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import (
    BindingServer,
    create_node,
    create_pod,
    run_scheduler,
    wait_for_node,
)


class Courier(Plugin):
    """Binds pods with the label `by: courier` itself. Those with `by: nobody` fail."""

    name = "Courier"

    def __init__(self, server: BindingServer) -> None:
        self._server = server
        self.carried: list[str] = []

    async def bind(self, cycle: CycleState, node: str) -> Status | None:
        by = cycle.info.labels.get("by")
        if by == "nobody":
            raise PluginError("the road is closed")
        if by != "courier":
            return SKIP
        self.carried.append(cycle.info.pod.metadata.name)
        await self._server.handle_binding(cycle.info.pod.metadata.name, node)
        return None


@pytest.fixture
async def server() -> AsyncIterator[BindingServer]:
    made = BindingServer()
    async with served(made.handle) as made.port:
        await create_node(made, "a")
        yield made


async def test_a_bind_plugin_binds_a_pod_or_leaves_it_to_the_next_one(server: BindingServer) -> None:
    courier = Courier(server)
    async with run_scheduler(server, lambda profile: replace(profile, binds=[courier, *profile.binds])):
        await create_pod(server, "mine", "courier")
        await create_pod(server, "other")
        assert await wait_for_node(server, "mine") == await wait_for_node(server, "other") == "a"
    assert courier.carried == ["mine"]
    # The default binder wrote only the other one.
    assert server.targets == ["a"]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("nobody", 'running Bind plugin "Courier": the road is closed'),
        ("", "no Bind plugin binds the pod: all of them skip it"),
    ],
)
async def test_a_pod_that_no_plugin_binds_says_why(server: BindingServer, by: str, message: str) -> None:
    def find_conditions() -> list[dict[str, Any]]:
        return list((server.get("pods", "p").get("status") or {}).get("conditions") or [])

    async with run_scheduler(server, lambda profile: replace(profile, binds=[Courier(server)])):
        await create_pod(server, "p", by)
        async with asyncio.timeout(5), server.changed:
            await server.changed.wait_for(find_conditions)
    condition = find_conditions()[0]
    assert (condition["reason"], condition["message"]) == ("SchedulerError", message)
