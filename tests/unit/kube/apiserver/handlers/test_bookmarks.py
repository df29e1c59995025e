"""Bookmarks of a watch: timed from its own beginning."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.cacher.entry import Event
from kprov.kube.apiserver.cacher.watcher import Selection, Watcher
from kprov.kube.apiserver.handlers.bookmarks import BEFORE_END_SECONDS, Bookmarks
from tests.unit.loop_clock import LoopClock

LONG = 3600.0


class Sink:
    """Keeps the revisions of its bookmarks."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._new = asyncio.Event()

    def send_event(self, event: Event, type_: str) -> None:
        raise AssertionError

    def send_bookmark(self, revision: int) -> None:
        self.seen.append(revision)
        self._new.set()

    def end(self, expired: str) -> None:
        raise AssertionError

    async def has(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.seen) < count:
                await self._new.wait()
                self._new.clear()


def begun(sink: Sink, seconds: float, *, wanted: bool = True, **more: Any) -> Bookmarks:
    cacher = cast("Cacher", SimpleNamespace(revision=7))
    return Bookmarks(cacher, Watcher(Selection(), sink, wanted), seconds, **more)


async def test_they_come_again_and_again_until_it_ends() -> None:
    sink = Sink()
    bookmarks = begun(sink, LONG, interval=0.01)
    await sink.has(3)
    bookmarks.cancel()
    seen = len(sink.seen)
    await LoopClock().advance(LONG)
    assert sink.seen == [7] * seen


async def test_the_last_one_comes_before_the_end_and_no_other_after_it() -> None:
    sink = Sink()
    begun(sink, BEFORE_END_SECONDS + 0.02)
    await sink.has(1)
    await LoopClock().advance(LONG)
    assert sink.seen == [7]


async def test_who_is_there_for_less_or_wants_none_gets_none() -> None:
    """However soon others get theirs."""
    short, other, unwilling = Sink(), Sink(), Sink()
    begun(short, BEFORE_END_SECONDS, interval=0.01)
    begun(unwilling, LONG, wanted=False, interval=0.01).cancel()
    bookmarks = begun(other, LONG, interval=0.01)
    await other.has(3)
    bookmarks.cancel()
    assert short.seen == unwilling.seen == []
