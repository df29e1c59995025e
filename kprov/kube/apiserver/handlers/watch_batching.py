"""When watches are written to."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, Protocol

log = logging.getLogger(__name__)

#: After a round the next one waits for so many times the CPU time that it took,
PAUSE_FACTOR: Final = 8.0
#: but no longer than so many seconds.
LONGEST: Final = 1 / 60
#: So many seconds of waiting are left out after as long a rest: what comes seldom never waits.
SAVED: Final = 4 * LONGEST


class Flushable(Protocol):
    def flush(self) -> None:
        """Write what has come."""


class WriteBatches:
    """All watches of a process are written to together, in rounds.

    A write costs both sides the same for one event as for ten (TLS, system calls, the client's wake-up).
    Where rounds cost little, for few watches or few events, each event goes at once; where they cost much,
    events wait for company. What was not used of the time between rounds is saved for a while, so that a few
    events after a silence go at once, too.
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
        """Have it flushed, once, in the next round."""
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
                log.exception("a watch could not be written to")
        pause = min(PAUSE_FACTOR * (self._cost() - begin), LONGEST)
        self._next = max(self._next, self._clock() - SAVED) + pause
