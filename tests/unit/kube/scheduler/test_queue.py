"""The queue: order, backoff, and what brings a waiting pod back."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.queue import UNSCHEDULABLE_SECONDS, QueuedPod, SchedulingQueue


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def pod(name: str, **spec: Any) -> Pod:
    return msgspec.convert({"metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": spec}, Pod)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> SchedulingQueue:
    return SchedulingQueue(clock=clock)


async def popped(queue: SchedulingQueue) -> QueuedPod | None:
    """The next pod if one is due now."""
    try:
        async with asyncio.timeout(0):
            return await queue.pop()
    except TimeoutError:
        return None


def interests(rejected_by: frozenset[str]) -> frozenset[str]:
    return frozenset({"node"}) if rejected_by == {"NodeAffinity"} else frozenset({"node", "pod"})


async def test_higher_priority_first_then_the_longer_waiting(queue: SchedulingQueue, clock: Clock) -> None:
    for name, priority in (("old", 0), ("young", 0), ("urgent", 10)):
        clock.now += 1
        queue.add(pod(name, priority=priority))
    assert [(await queue.pop()).uid for _ in range(3)] == ["urgent", "old", "young"]


async def test_a_refused_pod_waits_for_a_change_that_its_refusers_care_about(
    queue: SchedulingQueue, clock: Clock
) -> None:
    queue.add(pod("p"))
    rejected_by = frozenset({"NodeAffinity"})
    queue.add_unschedulable(await queue.pop(), rejected_by, interests(rejected_by))
    queue.handle_change("pod", interests)
    clock.now += 5
    assert await popped(queue) is None
    queue.handle_change("node", interests)
    assert (await queue.pop()).uid == "p"


async def test_a_backoff_lets_active_pods_go_first(queue: SchedulingQueue) -> None:
    """It holds no pod while nobody else wants to be scheduled."""
    rejected_by = frozenset({"NodeAffinity"})
    queue.add(pod("refused", priority=10))
    queue.add_unschedulable(await queue.pop(), rejected_by, interests(rejected_by))
    queue.handle_change("node", interests)
    queue.add(pod("new"))
    assert queue.count_pending()["backoff"] == 1
    assert [(await queue.pop()).uid for _ in range(2)] == ["new", "refused"]


async def test_a_pod_that_preempts_is_tried_when_the_preemption_is_over(queue: SchedulingQueue) -> None:
    """Changes that come meanwhile are not missed."""
    rejected_by = frozenset({"NodeAffinity"})
    queue.add(pod("p"))
    queue.add_unschedulable(await queue.pop(), rejected_by, interests(rejected_by), block=True)
    queue.handle_change("node", interests)
    assert await popped(queue) is None
    queue.unblock("p", retry=False)
    assert (await queue.pop()).uid == "p"


async def test_a_pod_that_preempts_waits_on_for_the_victims(queue: SchedulingQueue, clock: Clock) -> None:
    rejected_by = frozenset({"NodeAffinity"})
    queue.add(pod("p"))
    queue.add_unschedulable(await queue.pop(), rejected_by, interests(rejected_by), block=True)
    clock.now += UNSCHEDULABLE_SECONDS
    assert await popped(queue) is None
    clock.now -= UNSCHEDULABLE_SECONDS
    queue.unblock("p", retry=False)
    assert await popped(queue) is None
    queue.handle_change("node", interests)
    assert (await queue.pop()).uid == "p"


async def test_a_failed_preemption_is_tried_again_after_a_backoff(
    queue: SchedulingQueue, clock: Clock
) -> None:
    rejected_by = frozenset({"NodeAffinity"})
    queue.add(pod("p"))
    queue.add_unschedulable(await queue.pop(), rejected_by, interests(rejected_by), block=True)
    queue.unblock("p", retry=True)
    assert await popped(queue) is None
    clock.now += 1.1
    assert (await queue.pop()).uid == "p"


async def test_a_change_during_the_attempt_is_not_missed(queue: SchedulingQueue, clock: Clock) -> None:
    queue.add(pod("p"))
    queued = await queue.pop()
    queue.handle_change("node", interests)
    queue.add_unschedulable(queued, frozenset({"NodeAffinity"}), frozenset({"node"}))
    clock.now += 1.1
    assert (await queue.pop()).uid == "p"


async def test_after_five_minutes_a_refused_pod_is_tried_anyway(queue: SchedulingQueue, clock: Clock) -> None:
    queue.add(pod("p"))
    queue.add_unschedulable(await queue.pop(), frozenset({"NodeAffinity"}), frozenset({"node"}))
    clock.now += UNSCHEDULABLE_SECONDS
    assert (await queue.pop()).uid == "p"


async def test_backoff_doubles_up_to_ten_seconds(queue: SchedulingQueue, clock: Clock) -> None:
    queue.add(pod("p"))
    waits = []
    for _ in range(6):
        queued = await queue.pop()
        queue.retry_after_backoff(queued)
        assert await popped(queue) is None
        waits.append(queued.ready_at - clock.now)
        clock.now = queued.ready_at
    assert waits == [1, 2, 4, 8, 10, 10]


async def test_a_gated_pod_waits_until_its_gates_are_gone(queue: SchedulingQueue) -> None:
    queue.add(pod("p", schedulingGates=[{"name": "g"}]))
    queue.handle_change("node", interests)
    assert await popped(queue) is None
    assert queue.count_pending()["gated"] == 1
    queue.add(pod("p"))
    assert (await queue.pop()).uid == "p"


async def test_a_removed_pod_is_not_handed_out(queue: SchedulingQueue) -> None:
    queue.add(pod("p"))
    queue.remove("p")
    assert await popped(queue) is None
    assert len(queue) == 0


async def test_an_update_during_the_attempt_is_not_missed(queue: SchedulingQueue, clock: Clock) -> None:
    queue.add(pod("p", nodeSelector={"disk": "ssd"}))
    queued = await queue.pop()
    queue.update(pod("p", nodeSelector={"disk": "hdd"}))
    queue.add_unschedulable(queued, frozenset({"NodeAffinity"}), frozenset({"node"}))
    clock.now += 1.1
    assert (await queue.pop()).pod.spec.node_selector == {"disk": "hdd"}


async def test_an_update_of_the_status_brings_nothing_back(queue: SchedulingQueue, clock: Clock) -> None:
    """The scheduler itself writes it after each attempt."""
    queue.add(pod("p"))
    queued = await queue.pop()
    queue.update(pod("p"))
    queue.add_unschedulable(queued, frozenset({"NodeAffinity"}), frozenset({"node"}))
    clock.now += 100
    assert await popped(queue) is None


async def test_an_update_of_a_pod_that_does_not_wait_adds_none(queue: SchedulingQueue) -> None:
    queue.add(pod("p"))
    queue.mark_scheduled(await queue.pop())
    queue.update(pod("p", nodeSelector={"disk": "hdd"}))
    assert len(queue) == 0
