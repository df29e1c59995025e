"""Growing delays by key, counted from the time of the failure (flowcontrol.Backoff)."""

import time
from collections.abc import Callable
from typing import Final

INITIAL_SECONDS: Final = 10.0


class BackOff:
    """10 s, 20 s, 40 s ... up to ``maximum``. A key without a failure for twice that time starts again."""

    def __init__(self, maximum: float = 300.0, *, clock: Callable[[], float] = time.time) -> None:
        self._maximum = maximum
        self._clock = clock
        self._entries: dict[str, tuple[float, float]] = {}  # key > (delay, time of the last failure)

    def get_remaining(self, key: str, since: float) -> float:
        """Seconds to wait after a failure at Unix time ``since``. 0: the next try may start."""
        entry = self._entries.get(key)
        if entry is None or since - entry[1] > 2 * self._maximum:
            return 0.0
        return max(0.0, since + entry[0] - self._clock())

    def get_delay(self, key: str) -> float:
        entry = self._entries.get(key)
        return entry[0] if entry else 0.0

    def record_failure(self, key: str, since: float) -> None:
        """Double the delay of the key."""
        entry = self._entries.get(key)
        initial = min(INITIAL_SECONDS, self._maximum)
        if entry is None or since - entry[1] > 2 * self._maximum:
            delay = initial
        else:
            delay = min(entry[0] * 2, self._maximum)
        self._entries[key] = (delay, self._clock())

    def forget(self, prefix: str) -> None:
        """Remove all keys with this prefix."""
        for key in [key for key in self._entries if key.startswith(prefix)]:
            del self._entries[key]
