"""What a verification waits for, and what ends the waiting."""

from __future__ import annotations

import itertools

import pytest

from kprov.verify.model import CheckResult
from kprov.verify.startup import Startup


def result(area: str = "ports", *, ok: bool = False, starting: bool = False) -> CheckResult:
    return CheckResult("node1", area, "x", ok, "", 0.0, starting)


LATE_UNIT = result("units", ok=True, starting=True)
STARTING, BROKEN, GOOD = result(starting=True), result(), result(ok=True)


class Clock:
    """Seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def startup(clock: Clock, wait: float = 60) -> Startup:
    return Startup(wait, clock=clock, sleep=clock.sleep)


def test_what_is_starting_is_looked_at_until_it_passes(clock: Clock) -> None:
    waiting = startup(clock)
    waiting.observe([LATE_UNIT])
    answers = iter([[STARTING], [STARTING, GOOD], [GOOD, GOOD]])
    assert waiting.check_until_started(lambda: next(answers)) == [GOOD, GOOD]


def test_waiting_ends_when_its_time_is_over(clock: Clock) -> None:
    waiting = startup(clock, 60)
    waiting.observe([LATE_UNIT])
    assert waiting.check_until_started(lambda: [STARTING]) == [STARTING]
    assert clock.now == pytest.approx(160, abs=1)
    assert waiting.check_until_started(lambda: [STARTING]) == [STARTING]
    assert clock.now == pytest.approx(160, abs=1)


def test_a_failure_is_reported_at_once_if_nothing_started_recently(clock: Clock) -> None:
    waiting = startup(clock)
    waiting.observe([result("units", ok=True)])
    assert waiting.check_until_started(lambda: [STARTING]) == [STARTING]
    assert clock.now == 100


def test_a_failure_that_no_start_cures_ends_the_waiting_for_all(clock: Clock) -> None:
    waiting = startup(clock)
    waiting.observe([LATE_UNIT])
    assert waiting.check_until_started(lambda: [STARTING, BROKEN]) == [STARTING, BROKEN]
    assert waiting.check_until_started(lambda: [STARTING]) == [STARTING]
    assert clock.now == 100


def test_a_failure_elsewhere_ends_a_waiting_that_has_begun(clock: Clock) -> None:
    waiting = startup(clock)
    waiting.observe([LATE_UNIT])
    count = itertools.count()

    def look() -> list[CheckResult]:
        if next(count) == 3:
            waiting.observe([BROKEN])
        return [STARTING]

    assert waiting.check_until_started(look) == [STARTING]
    assert clock.now == 103


def test_a_unit_that_is_starting_is_waited_for(clock: Clock) -> None:
    answers = iter([[result("units", starting=True)], [LATE_UNIT]])
    assert startup(clock).check_until_started(lambda: next(answers)) == [LATE_UNIT]
