"""QueueSort decides which pod is tried first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework.plugin import Plugin, Profile, SortKey
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import (
    BindingServer,
    create_node,
    create_pod,
    run_scheduler,
    wait_for_node,
)


@pytest.fixture
async def server() -> AsyncIterator[BindingServer]:
    made = BindingServer()
    async with served(made.handle) as made.port:
        await create_node(made, "a")
        yield made


class NewestFirst(Plugin):
    name = "NewestFirst"

    def get_sort_key(self, pod: Pod, timestamp: float) -> SortKey:
        return (-timestamp,)


async def test_a_queue_sort_plugin_decides_which_pod_is_first(server: BindingServer) -> None:
    def change(profile: Profile) -> Profile:
        return replace(profile, queue_sorts=[NewestFirst()])

    requests = {"requests": {"cpu": "3"}}
    for name in ("old", "new"):
        await create_pod(server, name, containers=[{"name": "c", "image": "i", "resources": requests}])
    async with run_scheduler(server, change):
        assert await wait_for_node(server, "new") == "a"
        assert not server.get("pods", "old")["spec"].get("nodeName")
