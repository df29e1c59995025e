"""One request with a long computation at a time; users take turns."""

from __future__ import annotations

import asyncio
import threading

from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo, heavy_lane
from kprov.kube.apiserver.request.heavy_lane import HEAVY_BYTES, HeavyLane
from tests.unit.loop_clock import run_loop


def context(lane: HeavyLane | None) -> RequestContext:
    info = RequestInfo("/", "create", is_resource_request=True)
    return RequestContext(user=UserInfo("alice"), info=info, lane=lane)


async def test_users_take_turns() -> None:
    lane = HeavyLane()
    order: list[str] = []

    async def work(user: str) -> None:
        place = await lane.enter(user)
        order.append(user)
        await run_loop(3)
        place.leave()
        place.leave()

    await asyncio.gather(*(work(user) for user in ("a", "a", "a", "a", "b", "c")))
    assert order == ["a", "a", "b", "c", "a", "a"]


async def test_only_one_request_is_in_the_lane_also_when_others_are_cancelled() -> None:
    lane = HeavyLane()
    first = await lane.enter("a")
    tasks = [asyncio.create_task(lane.enter(user)) for user in ("a", "b", "c")]
    await run_loop(2)
    tasks[0].cancel()
    first.leave()
    tasks[1].cancel()
    await run_loop(5)
    assert [task.done() and not task.cancelled() for task in tasks] == [False, False, True]
    (await tasks[2]).leave()
    (await lane.enter("d")).leave()


async def test_a_function_runs_beside_the_loop() -> None:
    place = await HeavyLane().enter("a")
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
