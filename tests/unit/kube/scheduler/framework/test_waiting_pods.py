"""Reserve, Permit and PostBind: a plugin may hold a pod that has a node, let it go on, or take the node back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from kprov.kube.scheduler.framework.events import EventRegistration
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, PluginError, Profile
from kprov.kube.scheduler.framework.status import Code, Status, reject
from kprov.kube.scheduler.framework.waiting_pods import WaitingPod, WaitingPods
from tests.builders.pods import view_pod
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import BindingServer, create_node, run_scheduler

SPEC: dict[str, Any] = {"schedulerName": "default-scheduler", "containers": [{"name": "c", "image": "i"}]}


class Guard(Plugin):
    """Does what the pod's label says. `calls`: the extension points with their pods."""

    name = "Guard"

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.called = asyncio.Event()

    def list_events(self) -> Sequence[EventRegistration]:
        return ()

    def _note(self, point: str, cycle: CycleState) -> str:
        self.calls.append((point, cycle.info.pod.metadata.name))
        self.called.set()
        return cycle.info.labels.get("do", "")

    def reserve(self, cycle: CycleState, node: str) -> Status | None:
        if self._note("reserve", cycle) == "refuse" and self.count("reserve") == 1:
            return reject("no room for dancing")
        return None

    def unreserve(self, cycle: CycleState, node: str) -> None:
        self._note("unreserve", cycle)

    def permit(self, cycle: CycleState, node: str) -> Status | None:
        order = self._note("permit", cycle)
        if order == "fail" and self.count("permit") == 1:
            raise PluginError("out of ideas")
        if order == "wait":
            return Status(Code.WAIT, seconds=30)
        if order == "hurry":
            return Status(Code.WAIT, seconds=0.01)
        return None

    def post_bind(self, cycle: CycleState, node: str) -> None:
        self._note("post_bind", cycle)

    def count(self, point: str) -> int:
        return sum(each == point for each, _ in self.calls)

    async def wait_for(self, point: str, name: str) -> None:
        async with asyncio.timeout(5):
            while (point, name) not in self.calls:
                self.called.clear()
                await self.called.wait()


@dataclass
class Scene:
    server: BindingServer
    guard: Guard = field(default_factory=Guard)
    waiting: WaitingPods = field(default_factory=WaitingPods)

    async def create_pod(self, name: str, do: str = "") -> None:
        await self.server.create("pods", {"metadata": {"name": name, "labels": {"do": do}}, "spec": SPEC})

    def get_node(self, name: str) -> str:
        return str(self.server.get("pods", name)["spec"].get("nodeName") or "")

    def get_status(self, name: str) -> dict[str, Any]:
        return dict(self.server.get("pods", name).get("status") or {})

    async def find_waiting(self, name: str) -> WaitingPod:
        await self.guard.wait_for("permit", name)
        return next(each for each in self.waiting if each.pod.metadata.name == name)

    async def find_condition(self, name: str) -> dict[str, Any]:
        def find() -> Any:
            return next(iter(self.get_status(name).get("conditions", [])), None)

        return dict(await self.server.until(find))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    server = BindingServer()
    made = Scene(server)

    def add_guard(profile: Profile) -> Profile:
        return replace(
            profile,
            reserves=[*profile.reserves, made.guard],
            permits=[made.guard],
            post_binds=[made.guard],
        )

    async with served(server.handle) as server.port:
        await create_node(server, "a")
        async with run_scheduler(server, add_guard, made.waiting):
            yield made


async def test_a_pod_waits_until_the_plugin_allows_it_and_delays_nobody(scene: Scene) -> None:
    await scene.create_pod("slow", "wait")
    waiting = await scene.find_waiting("slow")
    await scene.create_pod("fast")
    assert await scene.server.until(lambda: scene.get_node("fast")) == "a"
    assert scene.get_node("slow") == ""
    assert await scene.server.until(lambda: scene.get_status("slow").get("nominatedNodeName")) == "a"
    waiting.allow("Guard")
    assert await scene.server.until(lambda: scene.get_node("slow")) == "a"
    assert ("unreserve", "slow") not in scene.guard.calls
    await scene.create_pod("last")
    await scene.server.until(lambda: scene.get_node("last"))
    assert ("post_bind", "slow") in scene.guard.calls


async def test_a_rejected_pod_loses_its_node_and_says_why(scene: Scene) -> None:
    await scene.create_pod("p", "wait")
    waiting = await scene.find_waiting("p")
    assert waiting.reject("Guard", "the gang is incomplete")
    condition = await scene.find_condition("p")
    assert (condition["reason"], condition["message"]) == (
        "Unschedulable",
        "0/1 nodes are available: 1 the gang is incomplete.",
    )
    assert ("unreserve", "p") in scene.guard.calls
    assert not waiting.reject("Guard", "once more")


async def test_a_timeout_rejects_the_pod(scene: Scene) -> None:
    await scene.create_pod("p", "hurry")
    condition = await scene.find_condition("p")
    assert condition["message"] == (
        "0/1 nodes are available: 1 rejected due to timeout after waiting 10ms at plugin Guard."
    )
    assert not list(scene.waiting)


async def test_a_pod_that_is_deleted_waits_no_longer(scene: Scene) -> None:
    await scene.create_pod("p", "wait")
    await scene.find_waiting("p")
    await scene.server.delete(("pods", "default", "p"))
    await scene.guard.wait_for("unreserve", "p")
    assert not list(scene.waiting)


async def test_a_plugin_that_fails_is_asked_again_after_a_backoff(scene: Scene) -> None:
    await scene.create_pod("p", "fail")
    condition = await scene.find_condition("p")
    assert (condition["reason"], condition["message"]) == (
        "SchedulerError",
        'running Permit plugin "Guard": out of ideas',
    )
    assert await scene.server.until(lambda: scene.get_node("p")) == "a"


async def test_a_refused_reservation_is_taken_back(scene: Scene) -> None:
    await scene.create_pod("p", "refuse")
    condition = await scene.find_condition("p")
    assert condition["message"] == "0/1 nodes are available: 1 no room for dancing."
    assert scene.guard.calls == [("reserve", "p"), ("unreserve", "p")]


async def test_a_preempted_pod_is_scheduled_again() -> None:
    waiting = WaitingPods()
    held = waiting.add(view_pod("p"), {"Guard": 30.0})
    assert held.preempt("DefaultPreemption", "preempted")
    assert await held.wait() == Status(Code.ERROR, "preempted", "DefaultPreemption")
