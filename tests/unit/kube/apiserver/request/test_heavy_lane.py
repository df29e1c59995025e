"""One request with a long computation at a time; users take turns."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo, heavy_lane
from kprov.kube.apiserver.request.heavy_lane import HEAVY_BYTES, HeavyLane, LaneEntry, Place
from tests.unit.loop_clock import run_loop


def context(lane: HeavyLane | None) -> RequestContext:
    info = RequestInfo("/", "create", is_resource_request=True)
    entry = None if lane is None else LaneEntry(lane, "alice")
    return RequestContext(user=UserInfo("alice"), info=info, lane_entry=entry)


async def enter(lane: HeavyLane, user: str) -> Place:
    """Enter the lane as a request of the user, which ends if it is cancelled."""
    entry = LaneEntry(lane, user)
    try:
        await entry.enter()
    except asyncio.CancelledError:
        entry.leave()
        raise
    assert entry.place is not None
    return entry.place


async def test_users_take_turns() -> None:
    lane = HeavyLane()
    order: list[str] = []

    async def work(user: str) -> None:
        place = await enter(lane, user)
        order.append(user)
        await run_loop(3)
        place.leave()
        place.leave()

    await asyncio.gather(*(work(user) for user in ("a", "a", "a", "a", "b", "c")))
    assert order == ["a", "a", "b", "c", "a", "a"]


async def test_only_one_request_is_in_the_lane_also_when_others_are_cancelled() -> None:
    lane = HeavyLane()
    first = await enter(lane, "a")
    tasks = [asyncio.create_task(enter(lane, user)) for user in ("a", "b", "c")]
    await run_loop(2)
    tasks[0].cancel()
    first.leave()
    tasks[1].cancel()
    await run_loop(5)
    assert [task.done() and not task.cancelled() for task in tasks] == [False, False, True]
    (await tasks[2]).leave()
    (await enter(lane, "d")).leave()


async def test_a_function_runs_beside_the_loop() -> None:
    place = await enter(HeavyLane(), "a")
    assert await heavy_lane.run(place, threading.get_ident) != threading.get_ident()
    assert await heavy_lane.run(None, threading.get_ident) == threading.get_ident()
    place.leave()


async def test_large_requests_enter_the_lane_once_and_the_servers_own_writes_do_not() -> None:
    request = context(HeavyLane())
    await heavy_lane.enter(request, HEAVY_BYTES - 1)
    assert [request.place] == [None]
    await heavy_lane.enter(request, HEAVY_BYTES)
    place = request.place
    assert place is not None
    await heavy_lane.enter(request, HEAVY_BYTES)
    assert request.place is place
    own = context(None)
    await heavy_lane.enter(own, HEAVY_BYTES)
    assert own.place is None


async def test_parts_of_a_request_side_by_side_share_its_place() -> None:
    """Each of them waits while another request is in the lane. A place of each would be a deadlock."""
    lane = HeavyLane()
    other = await enter(lane, "bob")
    request = context(lane)
    parts = [asyncio.create_task(heavy_lane.enter(request, HEAVY_BYTES)) for _ in range(3)]
    await run_loop(2)
    parts[0].cancel()
    other.leave()
    async with asyncio.timeout(1):
        await asyncio.gather(*parts[1:])
    assert parts[0].cancelled()
    assert request.lane_entry is not None
    request.lane_entry.leave()
    (await enter(lane, "bob")).leave()


async def test_a_copy_of_the_context_has_the_place_of_its_request() -> None:
    """As bindings and evictions make one: the request would leave the lane, and its copy would stay."""
    lane = HeavyLane()
    request = context(lane)
    await heavy_lane.enter(replace(request, applied=True), HEAVY_BYTES)
    assert request.lane_entry is not None
    request.lane_entry.leave()
    async with asyncio.timeout(1):
        (await enter(lane, "bob")).leave()


async def test_a_request_that_ends_while_it_waits_gives_its_turn_away() -> None:
    lane = HeavyLane()
    other = await enter(lane, "bob")
    request = context(lane)
    part = asyncio.create_task(heavy_lane.enter(request, HEAVY_BYTES))
    await run_loop(2)
    part.cancel()
    await run_loop(2)
    assert request.lane_entry is not None
    request.lane_entry.leave()
    other.leave()
    (await enter(lane, "carol")).leave()


async def test_what_goes_on_after_its_request_takes_no_place() -> None:
    lane = HeavyLane()
    entry = LaneEntry(lane, "alice")
    entry.leave()
    await entry.enter()
    async with asyncio.timeout(1):
        (await enter(lane, "bob")).leave()


def test_objects_with_expressions_are_heavy_from_a_kilobyte_on() -> None:
    assert heavy_lane.is_heavy("admissionregistration.k8s.io", 1024)
    assert not heavy_lane.is_heavy("admissionregistration.k8s.io", 1023)
    assert not heavy_lane.is_heavy("", HEAVY_BYTES - 1)
    assert heavy_lane.is_heavy("", HEAVY_BYTES)
