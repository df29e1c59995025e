"""The queue: order, backoff, and what brings a waiting pod back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest

from kprov.kube.api.core import Node, Pod
from kprov.kube.scheduler.framework.events import (
    NODE_ADD,
    NODE_DELETE,
    Action,
    ClusterEvent,
    EventRegistration,
    Resource,
)
from kprov.kube.scheduler.framework.plugin import Plugin, Profile
from kprov.kube.scheduler.framework.status import Status
from kprov.kube.scheduler.framework.status import reject as reject_pod
from kprov.kube.scheduler.queue.hints import HintTable
from kprov.kube.scheduler.queue.queued_pod import QueuedPod
from kprov.kube.scheduler.queue.scheduling_queue import SchedulingQueue
from kprov.kube.scheduler.queue.unschedulable_pods import UNSCHEDULABLE_SECONDS
from kprov.kube.scheduler.state.pod_info import PodInfo
from tests.builders.nodes import view_node
from tests.builders.pods import view_pod

make_pod = partial(view_pod, schedulerName="s")

NODES = frozenset({"NodeAffinity"})
CLAIMS = frozenset({"DynamicResources"})
CLAIM_ADD = ClusterEvent(Resource.RESOURCE_CLAIM, Action.ADD)


class NodeAffinity(Plugin):
    """Waits for nodes, unless they are called useless. `calls`: how often it was asked."""

    name = "NodeAffinity"

    def __init__(self) -> None:
        self.calls = 0

    def list_events(self) -> Sequence[EventRegistration]:
        return (EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL, self._helps),)

    def _helps(self, _: PodInfo, old: Node | None, new: Node) -> bool:
        assert old is None
        self.calls += 1
        if new.metadata.name == "broken":
            raise ValueError(new)
        return new.metadata.name != "useless"


class DynamicResources(Plugin):
    name = "DynamicResources"

    def list_events(self) -> Sequence[EventRegistration]:
        return (
            EventRegistration(Resource.RESOURCE_CLAIM, Action.ADD),
            EventRegistration(Resource.POD, Action.UPDATE_POD_LABEL, _is_pod_itself),
        )


def _is_pod_itself(info: PodInfo, _: Pod, new: Pod) -> bool:
    return new.metadata.uid == info.pod.metadata.uid


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def affinity() -> NodeAffinity:
    return NodeAffinity()


@pytest.fixture
def queue(clock: Clock, affinity: NodeAffinity) -> SchedulingQueue:
    hints = HintTable([Profile("s", filters=[affinity, DynamicResources()])])
    return SchedulingQueue(hints=hints, clock=clock)


async def popped(queue: SchedulingQueue) -> QueuedPod | None:
    """The next pod if one is due now."""
    try:
        async with asyncio.timeout(0):
            return await queue.pop()
    except TimeoutError:
        return None


async def reject(queue: SchedulingQueue, name: str, by: frozenset[str] = NODES, **options: Any) -> None:
    """Add a pod, try it, and reject it."""
    queue.add(make_pod(name))
    queue.add_unschedulable(await queue.pop(), by, **options)


async def test_higher_priority_first_then_the_longer_waiting(queue: SchedulingQueue, clock: Clock) -> None:
    for name, priority in (("old", 0), ("young", 0), ("urgent", 10)):
        clock.now += 1
        queue.add(make_pod(name, priority=priority))
    assert [(await queue.pop()).uid for _ in range(3)] == ["urgent", "old", "young"]


@pytest.mark.parametrize("steps", range(4))
async def test_a_pod_that_comes_together_with_a_cancellation_does_not_hide_it(
    queue: SchedulingQueue, steps: int
) -> None:
    await reject(queue, "waiting")
    task = asyncio.create_task(queue.pop())
    await asyncio.sleep(0.01)
    queue.add(make_pod("p"))
    for _ in range(steps):
        await asyncio.sleep(0)
    if task.done():
        return
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_pod_waits_for_an_event_that_its_plugin_has_registered(
    queue: SchedulingQueue, clock: Clock
) -> None:
    await reject(queue, "p")
    clock.now += 5
    queue.handle_event(CLAIM_ADD, None, object())
    queue.handle_event(NODE_DELETE, view_node("n"), None)
    assert await popped(queue) is None
    queue.handle_event(NODE_ADD, None, view_node("n"))
    assert (await queue.pop()).uid == "p"


async def test_a_hint_sees_the_object_and_may_say_no(queue: SchedulingQueue, clock: Clock) -> None:
    """One that fails counts as yes."""
    await reject(queue, "p")
    clock.now += 5
    queue.handle_event(NODE_ADD, None, view_node("useless"))
    assert await popped(queue) is None
    assert queue.count_pending()["unschedulable"] == 1
    queue.handle_event(NODE_ADD, None, view_node("broken"))
    assert (await queue.pop()).uid == "p"


async def test_an_event_costs_only_pods_that_a_waiting_plugin_rejected(
    queue: SchedulingQueue, affinity: NodeAffinity
) -> None:
    for number in range(50):
        await reject(queue, f"claim-{number}", CLAIMS)
    for number in range(3):
        await reject(queue, f"node-{number}")
    queue.handle_event(NODE_ADD, None, view_node("useless"))
    assert affinity.calls == 3


async def test_a_pending_plugin_brings_the_pod_back_without_a_backoff(queue: SchedulingQueue) -> None:
    await reject(queue, "p", NODES, pending=CLAIMS)
    queue.handle_event(CLAIM_ADD, None, object())
    assert queue.count_pending() == {"gated": 0, "unschedulable": 0, "backoff": 0, "active": 1}


async def test_a_label_of_the_pod_itself_may_help(queue: SchedulingQueue, clock: Clock) -> None:
    await reject(queue, "p", CLAIMS)
    await reject(queue, "q", CLAIMS)
    clock.now += 5
    queue.update(make_pod("p", labels={"a": "b"}))
    assert (await queue.pop()).pod.metadata.labels == {"a": "b"}
    assert await popped(queue) is None


async def test_a_pod_that_found_no_node_at_all_waits_for_the_first(
    queue: SchedulingQueue, clock: Clock
) -> None:
    await reject(queue, "p", frozenset())
    clock.now += 5
    queue.handle_event(CLAIM_ADD, None, object())
    assert await popped(queue) is None
    queue.handle_event(NODE_ADD, None, view_node("n"))
    assert (await queue.pop()).uid == "p"


async def test_a_backoff_lets_active_pods_go_first(queue: SchedulingQueue) -> None:
    """It holds no pod while nobody else wants to be scheduled."""
    queue.add(make_pod("refused", priority=10))
    queue.add_unschedulable(await queue.pop(), NODES)
    queue.handle_event(NODE_ADD, None, view_node("n"))
    queue.add(make_pod("new"))
    assert queue.count_pending()["backoff"] == 1
    assert [(await queue.pop()).uid for _ in range(2)] == ["new", "refused"]


async def test_a_backoff_counts_from_the_attempt_not_from_the_event(
    queue: SchedulingQueue, clock: Clock
) -> None:
    await reject(queue, "p")
    clock.now += 1.5
    queue.handle_event(NODE_ADD, None, view_node("n"))
    assert queue.count_pending()["active"] == 1


async def test_a_pod_that_preempts_is_tried_when_the_preemption_is_over(queue: SchedulingQueue) -> None:
    """Events that come meanwhile are not missed."""
    await reject(queue, "p", block=True)
    queue.handle_event(NODE_ADD, None, view_node("n"))
    assert await popped(queue) is None
    queue.unblock("p", retry=False)
    assert (await queue.pop()).uid == "p"


async def test_a_pod_that_preempts_waits_on_for_the_victims(queue: SchedulingQueue, clock: Clock) -> None:
    await reject(queue, "p", block=True)
    clock.now += UNSCHEDULABLE_SECONDS
    assert await popped(queue) is None
    queue.unblock("p", retry=False)
    assert await popped(queue) is None
    queue.handle_event(NODE_ADD, None, view_node("n"))
    assert (await queue.pop()).uid == "p"


async def test_a_failed_preemption_is_tried_again_after_a_backoff(
    queue: SchedulingQueue, clock: Clock
) -> None:
    await reject(queue, "p", block=True)
    queue.unblock("p", retry=True)
    assert await popped(queue) is None
    clock.now += 1.1
    assert (await queue.pop()).uid == "p"


async def test_an_event_during_the_attempt_is_not_missed(queue: SchedulingQueue, clock: Clock) -> None:
    queue.add(make_pod("p"))
    queued = await queue.pop()
    queue.handle_event(NODE_ADD, None, view_node("useless"))
    queue.handle_event(NODE_ADD, None, view_node("n"))
    queue.add_unschedulable(queued, NODES)
    assert queue.count_pending()["unschedulable"] == 0
    clock.now += 1.1
    assert (await queue.pop()).uid == "p"


async def test_an_event_before_the_attempt_does_not_count(queue: SchedulingQueue) -> None:
    """Also while an older attempt is under way."""
    queue.add(make_pod("first"))
    await queue.pop()
    queue.handle_event(NODE_ADD, None, view_node("n"))
    await reject(queue, "second")
    assert queue.count_pending()["unschedulable"] == 1


async def test_after_five_minutes_a_refused_pod_is_tried_anyway(queue: SchedulingQueue, clock: Clock) -> None:
    await reject(queue, "p")
    clock.now += UNSCHEDULABLE_SECONDS - 1
    assert await popped(queue) is None
    clock.now += 1
    assert (await queue.pop()).flushed


async def test_backoff_doubles_up_to_ten_seconds(queue: SchedulingQueue, clock: Clock) -> None:
    queue.add(make_pod("p"))
    queued = await queue.pop()
    waits = []
    for _ in range(6):
        queue.retry_after_backoff(queued)
        start = clock.now
        while await popped(queue) is None:
            clock.now += 0.5
        waits.append(clock.now - start)
    assert waits == [1, 2, 4, 8, 10, 10]


async def test_a_gated_pod_waits_until_its_gates_are_gone(queue: SchedulingQueue) -> None:
    queue.add(make_pod("p", schedulingGates=[{"name": "g"}]))
    queue.handle_event(NODE_ADD, None, view_node("n"))
    assert await popped(queue) is None
    assert queue.count_pending()["gated"] == 1
    queue.add(make_pod("p"))
    assert (await queue.pop()).uid == "p"


async def test_a_removed_pod_is_not_handed_out(queue: SchedulingQueue) -> None:
    queue.add(make_pod("p"))
    queue.remove("p")
    assert await popped(queue) is None
    assert len(queue) == 0


async def test_an_update_during_the_attempt_is_not_missed(queue: SchedulingQueue, clock: Clock) -> None:
    queue.add(make_pod("p"))
    queued = await queue.pop()
    queue.update(make_pod("p", labels={"a": "b"}))
    queue.add_unschedulable(queued, CLAIMS)
    clock.now += 1.1
    assert (await queue.pop()).pod.metadata.labels == {"a": "b"}


async def test_an_update_of_the_status_brings_nothing_back(queue: SchedulingQueue, clock: Clock) -> None:
    """The scheduler itself writes it after each attempt."""
    queue.add(make_pod("p"))
    queued = await queue.pop()
    queue.update(make_pod("p"))
    queue.add_unschedulable(queued, CLAIMS)
    clock.now += 100
    assert await popped(queue) is None


async def test_an_update_of_a_pod_that_does_not_wait_adds_none(queue: SchedulingQueue) -> None:
    queue.add(make_pod("p"))
    queue.remove((await queue.pop()).uid)
    queue.update(make_pod("p", labels={"a": "b"}))
    assert len(queue) == 0


class ClaimGate(DynamicResources):
    """Gates all pods until it is open."""

    def __init__(self) -> None:
        self.is_open = False

    def pre_enqueue(self, pod: Pod) -> Status | None:
        return None if self.is_open else reject_pod("no claim")


async def test_a_gated_pod_is_tried_when_the_plugin_accepts_it_after_an_event(clock: Clock) -> None:
    gate = ClaimGate()
    profile = Profile("s", pre_enqueues=[gate])
    queue = SchedulingQueue(hints=HintTable([profile]), find_gate=profile.find_gate, clock=clock)
    queue.add(make_pod("p", schedulingGates=[{"name": "first"}]))
    # The gates of the pod are gone, the plugin's is not.
    queue.update(make_pod("p"))
    clock.now += UNSCHEDULABLE_SECONDS
    queue.handle_event(NODE_ADD, None, view_node("n"))
    queue.handle_event(CLAIM_ADD, None, object())
    assert await popped(queue) is None
    assert queue.count_pending()["gated"] == 1
    gate.is_open = True
    queue.handle_event(CLAIM_ADD, None, object())
    assert (await queue.pop()).uid == "p"
    assert queue.count_pending()["gated"] == 0


async def test_a_gated_pod_can_be_removed(clock: Clock) -> None:
    profile = Profile("s", pre_enqueues=[ClaimGate()])
    queue = SchedulingQueue(hints=HintTable([profile]), find_gate=profile.find_gate, clock=clock)
    queue.add(make_pod("p"))
    queue.remove("p")
    queue.handle_event(CLAIM_ADD, None, object())
    assert not len(queue)
    assert queue.count_pending()["gated"] == 0
