"""How often a watch is written to."""

from __future__ import annotations

import math
from typing import Final

#: Writes a second in the long run, and how many may come at once.
RATE: Final = 60.0
BURST: Final = 5.0


class Pace:
    """A token bucket: who sees few events gets each at once, who sees many gets several in one write.

    A write costs both sides the same for one event as for ten (TLS, system calls, the client's wake-up).
    What waits is written at the same moments for all: who reads many watches wakes up once for them.
    """

    __slots__ = ("_credit", "_then")

    def __init__(self) -> None:
        self._credit = BURST
        self._then = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next write may be made, which is counted; 0: at once. now: seconds of a clock."""
        self._credit = min(BURST, self._credit + (now - self._then) * RATE)
        self._then = now
        self._credit -= 1
        if self._credit >= 0:
            return 0.0
        return (math.floor(now * RATE) + 1) / RATE - now
