"""Growing delays by key, counted from the time of the failure (flowcontrol.Backoff)."""

import time
from collections.abc import Callable
from typing import Final

INITIAL_SECONDS: Final = 10.0


class BackOff:
    """10 s, 20 s, 40 s ... up to ``maximum``; forgotten after twice that without a failure."""

    def __init__(self, maximum: float = 300.0, *, clock: Callable[[], float] = time.time) -> None:
        self._maximum = maximum
        self._clock = clock
        self._entries: dict[str, tuple[float, float]] = {}  # key > (delay, time of the last failure)

    def remaining(self, key: str, since: float) -> float:
        """Seconds still to wait for a failure at Unix time ``since``; 0 when it may be tried."""
        entry = self._entries.get(key)
        if entry is None or since - entry[1] > 2 * self._maximum:
            return 0.0
        return max(0.0, since + entry[0] - self._clock())

    def delay(self, key: str) -> float:
        entry = self._entries.get(key)
        return entry[0] if entry else 0.0

    def next(self, key: str, since: float) -> None:
        """Note a failure: the delay doubles."""
        entry = self._entries.get(key)
        initial = min(INITIAL_SECONDS, self._maximum)
        if entry is None or since - entry[1] > 2 * self._maximum:
            delay = initial
        else:
            delay = min(entry[0] * 2, self._maximum)
        self._entries[key] = (delay, self._clock())

    def forget(self, prefix: str) -> None:
        """Drop all keys that start so."""
        for key in [key for key in self._entries if key.startswith(prefix)]:
            del self._entries[key]

    def collect(self) -> None:
        """Drop what is too old to matter."""
        now = self._clock()
        for key, (_, last) in list(self._entries.items()):
            if now - last > 2 * self._maximum:
                del self._entries[key]
