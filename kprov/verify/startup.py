"""Waits for components that are starting, as after a boot, but not for stopped ones.

A verification waits while all failures may pass when components have started, and some component
started recently. Any other failure (a stopped unit, an expired certificate, an unreachable host) ends
the wait on all hosts, so that it is reported immediately.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from kprov.verify.model import CheckResult

_POLL_SECONDS = 1.0


class Startup:
    """The wait of one verification, shared by its threads. `wait`: seconds over all checks."""

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
        """Record whether components started recently, and whether something is broken."""
        with self._lock:
            self._started_lately |= any(result.starting for result in results if result.area == "units")
            self._broken |= any(not result.ok and not result.starting for result in results)

    def check_until_started(self, look: Callable[[], list[CheckResult]]) -> list[CheckResult]:
        """Call `look` until its results pass or a wait cannot help; return the last results."""
        while True:
            results = look()
            self.observe(results)
            if all(result.ok for result in results) or not self._may_wait():
                return results
            self._sleep(_POLL_SECONDS)

    def _may_wait(self) -> bool:
        with self._lock:
            return self._started_lately and not self._broken and self._clock() < self._deadline
