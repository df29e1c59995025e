"""Waiting for components that are starting, as after a boot; never for those that are stopped.

A verification waits while every failure is one that starting components can still cure, and some component
started lately. One failure of another kind (a stopped unit, an expired certificate, an unreachable host) ends
the waiting on all hosts: it is to be named at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from kprov.verify.model import CheckResult

_POLL_SECONDS = 1.0


class Startup:
    """Shared by the threads of one verification. `wait`: seconds to wait at most, over all checks."""

    def __init__(
        self,
        wait: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._deadline = clock() + wait
        self._started_lately = False
        self._broken = False
        self._lock = threading.Lock()

    def observe(self, results: Sequence[CheckResult]) -> None:
        """Take note of results: whether components started lately, and whether something is broken."""
        with self._lock:
            self._started_lately |= any(result.starting for result in results if result.area == "units")
            self._broken |= any(not result.ok and not result.starting for result in results)

    def settle(self, look: Callable[[], list[CheckResult]]) -> list[CheckResult]:
        """Results of `look`, called again until they pass or waiting is of no use."""
        while True:
            results = look()
            self.observe(results)
            if all(result.ok for result in results) or not self._may_wait():
                return results
            self._sleep(_POLL_SECONDS)

    def _may_wait(self) -> bool:
        with self._lock:
            return self._started_lately and not self._broken and self._clock() < self._deadline
