"""Rounds of writes to watches: how many there are, and how long an event waits."""

import asyncio
import logging

import pytest

from kprov.kube.apiserver.handlers.watch_batching import LONGEST, PAUSE_FACTOR, SAVED, WriteBatches
from tests.unit.loop_clock import LoopClock


class Costs:
    """A clock of CPU time that flushes move on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


class Watch:
    """Counts its flushes; each costs so many seconds of CPU."""

    def __init__(self, costs: Costs, seconds: float) -> None:
        self._costs = costs
        self._seconds = seconds
        self.flushed = 0

    def flush(self) -> None:
        self.flushed += 1
        self._costs.seconds += self._seconds


async def _turn() -> None:
    """Whatever is due now has been done."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_events_go_at_once_where_rounds_cost_nothing() -> None:
    costs = Costs()
    rounds, watch = WriteBatches(cost=costs), Watch(costs, 0.0)
    for number in range(100):
        rounds.add(watch)
        await _turn()
        assert watch.flushed == number + 1


async def test_events_wait_as_much_longer_as_their_round_has_cost() -> None:
    now, costs = 1000.0, Costs()
    rounds, watches = WriteBatches(lambda: now, costs), [Watch(costs, 0.0001) for _ in range(5)]
    pause = PAUSE_FACTOR * 0.0005
    at_once = 0
    # What was saved is spent first.
    while True:
        for watch in watches:
            rounds.add(watch)
        await _turn()
        if watches[0].flushed == at_once:
            break
        at_once += 1
        assert [watch.flushed for watch in watches] == [at_once] * 5
    assert at_once == int(SAVED / pause) + 1
    now += pause
    await LoopClock().advance(pause)
    assert [watch.flushed for watch in watches] == [at_once + 1] * 5


async def test_no_event_waits_longer_than_the_longest() -> None:
    now, costs = 1000.0, Costs()
    rounds, watch = WriteBatches(lambda: now, costs), Watch(costs, 10.0)
    for _ in range(100):
        before = watch.flushed
        rounds.add(watch)
        await _turn()
        if watch.flushed == before:
            break
    now += LONGEST
    await LoopClock().advance(LONGEST)
    assert watch.flushed == before + 1


async def test_what_is_saved_in_a_long_silence_is_no_more_than_that() -> None:
    now, costs, clock = 1000.0, Costs(), LoopClock()
    rounds, watch = WriteBatches(lambda: now, costs), Watch(costs, 10.0)
    for silence in (SAVED, 100 * SAVED):
        now += silence
        before = watch.flushed
        while True:
            seen = watch.flushed
            rounds.add(watch)
            await _turn()
            if watch.flushed == seen:
                break
        assert watch.flushed - before == round(SAVED / LONGEST) + 1
        now += LONGEST
        await clock.advance(LONGEST)


async def test_one_that_fails_does_not_keep_the_others_waiting(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def flush(self) -> None:
            raise ValueError("no way to it")

    costs = Costs()
    rounds, watch = WriteBatches(cost=costs), Watch(costs, 0.0)
    with caplog.at_level(logging.ERROR):
        rounds.add(Broken())
        rounds.add(watch)
        await _turn()
    assert watch.flushed == 1
    assert "no way to it" in caplog.text
