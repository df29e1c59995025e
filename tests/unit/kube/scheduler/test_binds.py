"""Bind, PreScore and QueueSort as extension points: plugins replace the default ones, or pass a pod on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework import CycleState, Plugin, PluginError, Profile, Scores, SortKey
from kprov.kube.scheduler.state import Mask
from kprov.kube.scheduler.status import SKIP, Status
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import BindingServer, create_node, run_scheduler
from tests.unit.kube.scheduler.test_decisions import Lab, node, pod

SPEC: dict[str, Any] = {"schedulerName": "default-scheduler", "containers": [{"name": "c", "image": "i"}]}


class Courier(Plugin):
    """Binds pods with the label ``by: courier`` itself. Those with ``by: nobody`` fail."""

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


async def create_pod(server: BindingServer, name: str, by: str = "", **spec: Any) -> None:
    await server.create("pods", {"metadata": {"name": name, "labels": {"by": by}}, "spec": SPEC | spec})


async def wait_for_node(server: BindingServer, name: str) -> str:
    async with asyncio.timeout(5), server.changed:
        await server.changed.wait_for(lambda: server.get("pods", name)["spec"].get("nodeName"))
    return str(server.get("pods", name)["spec"]["nodeName"])


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


class Favourite(Plugin):
    """Prefers the node ``b``, unless the pod is indifferent."""

    name = "Favourite"

    def pre_score(self, cycle: CycleState, feasible: Mask) -> Status | None:
        cycle.data[self.name] = cycle.state.slot_of["b"]
        return SKIP if "indifferent" in cycle.info.labels else None

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        assert "indifferent" not in cycle.info.labels
        scores: Scores = np.zeros(cycle.state.capacity)
        slot = cycle.data[self.name]
        assert isinstance(slot, int)
        scores[slot] = 100
        return scores


def test_pre_score_prepares_a_score_or_skips_it() -> None:
    lab = Lab(node("a"), node("b"))
    favourite = Favourite()
    lab.profile = replace(lab.profile, pre_scores=[favourite], scores=[*lab.profile.scores, (favourite, 100)])
    assert {lab.schedule_pod(pod()).node for _ in range(8)} == {"b"}
    nodes = {lab.schedule_pod(pod(labels={"indifferent": ""})).node for _ in range(40)}
    assert nodes == {"a", "b"}
