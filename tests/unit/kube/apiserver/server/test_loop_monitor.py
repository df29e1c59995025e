"""The log and the metrics name the request that holds the loop."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from operator import itemgetter
from types import FrameType

import pytest

from kprov.kube.apiserver.server.loop_monitor import (
    BUDGET_SECONDS,
    LoopMonitor,
    Sample,
    attribute,
    format_stack,
)


class Findings:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.lags: list[float] = []
        self.ticked = asyncio.Event()
        self.steps: list[tuple[float, Sample | None]] = []
        self.running: list[tuple[float, Sample]] = []

    def describe_request(self, frame: FrameType) -> tuple[str, str, str, str, str]:
        return (frame.f_code.co_name, "", "", "", "")

    def observe_lag(self, seconds: float) -> None:
        self.lags.append(seconds)
        self.ticked.set()

    def report_step(self, seconds: float, sample: Sample | None) -> None:
        self.steps.append((seconds, sample))

    def report_running(self, seconds: float, sample: Sample) -> None:
        self.running.append((seconds, sample))


@pytest.fixture
async def findings() -> AsyncIterator[Findings]:
    found = Findings()
    monitor = LoopMonitor(found)
    monitor.start()
    await ticks(found)
    found.lags.clear()
    yield found
    monitor.stop()


async def ticks(found: Findings, count: int = 2) -> None:
    """Wait until the monitor's timer has run so many times."""
    for _ in range(count):
        found.ticked.clear()
        await found.ticked.wait()


def spin(seconds: float) -> None:
    """Use the CPU in Python code."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def test_a_step_of_a_request_is_reported_with_its_stack(findings: Findings) -> None:
    begin = time.monotonic()
    spin(0.2)
    passed = time.monotonic() - begin
    await ticks(findings)
    seconds, sample = max(findings.steps, key=itemgetter(0))
    assert BUDGET_SECONDS < seconds < 0.4
    assert sample is not None
    assert "server/test_loop_monitor.py" in sample.stack
    assert sample.task == id(asyncio.current_task())
    # A machine without a free CPU can let the step take so long that it is reported while it runs.
    assert not findings.running or passed > 1


async def test_a_call_that_does_not_release_the_interpreter_is_reported(findings: Findings) -> None:
    begin = time.thread_time()
    assert re.match("(a*)*b", "a" * 22) is None
    spent = time.thread_time() - begin
    await ticks(findings)
    (step,) = findings.steps
    assert step[0] > spent / 2 - 0.03


async def test_many_short_steps_are_no_long_one(findings: Findings) -> None:
    async def work() -> None:
        for _ in range(20):
            spin(0.005)
            await asyncio.sleep(0)

    await asyncio.gather(*(work() for _ in range(3)))
    await ticks(findings)
    assert not findings.steps


async def test_many_tasks_that_are_ready_together_delay_the_loop_but_none_is_blamed(
    findings: Findings,
) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        spin(0.03)

    await asyncio.gather(*(work() for _ in range(8)))
    await ticks(findings)
    assert max(findings.lags) > 0.1
    assert all(seconds < 0.12 for seconds, _ in findings.steps)


async def test_waiting_without_the_cpu_is_a_lag_and_no_step(findings: Findings) -> None:
    time.sleep(0.2)  # noqa: ASYNC251  what a machine without a free CPU does to the process
    await ticks(findings)
    assert max(findings.lags) > 0.1
    assert not findings.steps


async def test_a_step_that_does_not_end_is_reported_while_it_runs(findings: Findings) -> None:
    begin = time.monotonic()
    while not findings.running and time.monotonic() < begin + 10:
        pass
    await ticks(findings)
    ((seconds, sample),) = findings.running
    assert 1.0 <= seconds < 9
    assert "test_a_step_that_does_not_end" in sample.stack


def test_a_step_gets_its_part_of_an_iteration() -> None:
    one, two = (Sample(number, ("", "", "", "", ""), "") for number in (1, 2))
    seconds, sample = attribute(0.4, [one, one, one, two])
    assert seconds == pytest.approx(0.3)
    assert sample is one
    assert attribute(0.4, []) == (0.4, None)


def test_a_stack_has_the_innermost_frame_first() -> None:
    def inner() -> str:
        import sys

        return format_stack(sys._getframe(), 2)

    first, second = inner().split(" < ")
    assert first.endswith(" inner")
    assert second.endswith(" test_a_stack_has_the_innermost_frame_first")
