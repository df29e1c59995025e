"""Bodies that arrive in pieces."""

from __future__ import annotations

import asyncio

from kprov.kube.component_base.http11.body import Body
from tests.unit.loop_clock import run_loop


async def test_waiting_for_a_body_reads_nothing() -> None:
    body = Body()
    waiting = asyncio.create_task(body.wait_until_buffered())
    await run_loop(3)
    body.feed(b"a")
    await run_loop(3)
    assert not waiting.done()
    body.end()
    await waiting
    assert await body.read() == b"a"


async def test_no_more_is_waited_for_than_is_read_ahead() -> None:
    paused: list[bool] = []
    body = Body(paused.append)
    body.feed(b"x" * 300_000)
    await body.wait_until_buffered()
    assert paused == [True]


async def test_a_body_that_waits_for_100_continue_is_not_waited_for() -> None:
    body = Body()
    body.on_first_read = lambda: None
    await body.wait_until_buffered()
