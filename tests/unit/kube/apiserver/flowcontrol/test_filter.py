"""Requests that wait for a seat."""

from __future__ import annotations

import asyncio

import pytest

from kprov.kube.apiserver.flowcontrol.filter import PriorityAndFairness
from tests.unit.kube.apiserver.flowcontrol.test_level import ask, level


async def test_a_request_that_is_cancelled_as_it_gets_its_seat_does_not_run() -> None:
    at = level(queues=1, hand=1)
    at.set_limit(1)
    running, _ = ask(at, "a")
    waiting, _ = ask(at, "a")
    flow_control = PriorityAndFairness(lambda *_: None, {}, 1, 60.0)
    task = asyncio.create_task(flow_control._wait(waiting))
    await asyncio.sleep(0)
    running.leave()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waiting.leave()
    assert (at.in_use, at.running, at.waiting) == (0, 0, 0)
