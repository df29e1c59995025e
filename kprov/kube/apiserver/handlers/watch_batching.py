"""Write the events of all watches in batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

#: The pause after a batch: so many times the CPU time of the batch,
PAUSE_FACTOR: Final = 8.0
#: but at most so many seconds.
LONGEST: Final = 1 / 60
#: Unused pauses are saved up to so many seconds, so that rare events never wait.
SAVED: Final = 4 * LONGEST


class Flushable(Protocol):
    def flush(self) -> None:
        """Write the collected events."""


class WriteBatches:
    """Writes to all watches of a process together, in batches.

    A write of one event costs both sides as much as a write of ten (TLS, system calls, the client's wake-up).
    If batches are cheap, because there are few watches or few events, each event is written immediately. If
    they are expensive, events wait for others. Unused pauses are saved for some time, so that a few events
    after a silence are written immediately, too.
    """

    __slots__ = ("_clock", "_cost", "_next", "_waiting")

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cost: Callable[[], float] = time.thread_time
    ) -> None:
        """clock: seconds; cost: CPU seconds of this thread."""
        self._clock = clock
        self._cost = cost
        self._next = 0.0
        self._waiting: list[Flushable] = []

    def add(self, waiting: Flushable) -> None:
        """Flush it once in the next batch."""
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            loop = asyncio.get_running_loop()
            rest = self._next - self._clock()
            if rest > 0:
                loop.call_later(rest, self._flush)
            else:
                loop.call_soon(self._flush)

    def _flush(self) -> None:
        begin = self._cost()
        round_, self._waiting = self._waiting, []
        for waiting in round_:
            try:
                waiting.flush()
            except Exception:
                log.exception("cannot write to a watch")
        pause = min(PAUSE_FACTOR * (self._cost() - begin), LONGEST)
        self._next = max(self._next, self._clock() - SAVED) + pause
