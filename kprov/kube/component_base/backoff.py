"""Delays that grow, for retries."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class Backoff:
    """Exponential delays in seconds: initial, initial*factor, ... up to maximum, each with jitter.

    ``reset_after`` seconds without a call to ``next`` start it again, as wait.BackoffManager does.
    """

    initial: float = 0.8
    maximum: float = 30.0
    factor: float = 2.0
    jitter: float = 1.0
    reset_after: float = 120.0
    _delay: float = field(default=0.0, init=False)
    _last: float = field(default=0.0, init=False)

    def next(self) -> float:
        """Return the delay to wait now, in [d, d * (1 + jitter))."""
        now = time.monotonic()
        if self._delay == 0 or now - self._last > self.reset_after:
            self._delay = self.initial
        delay = self._delay
        self._last = now
        self._delay = min(self._delay * self.factor, self.maximum)
        return delay * (1 + random.random() * self.jitter)  # noqa: S311  spreading load, not secrets

    def reset(self) -> None:
        self._delay = 0.0


@dataclass(frozen=True, slots=True)
class _Entry:
    delay: float
    updated: float


@dataclass(kw_only=True)
class KeyedBackoff:
    """A delay per key that doubles with each failure, in seconds (client-go's flowcontrol.Backoff).

    A key without a failure for twice the maximum starts again. Times are those of ``clock``: a caller that
    passes Unix times takes ``time.time``.
    """

    initial: float
    maximum: float
    clock: Callable[[], float] = time.monotonic
    _entries: dict[str, _Entry] = field(default_factory=dict, init=False)

    def get_delay(self, key: str) -> float:
        """Return the key's whole delay; 0 when it has none."""
        entry = self._entries.get(key)
        return entry.delay if entry is not None else 0.0

    def get_remaining(self, key: str) -> float:
        """Return the seconds of the delay that are left since the last recorded failure (0: try again)."""
        entry = self._entries.get(key)
        return self.get_remaining_since(key, entry.updated) if entry is not None else 0.0

    def get_remaining_since(self, key: str, event: float) -> float:
        """Return the seconds of the delay that are left if it began at ``event``, such as an exit."""
        entry = self._entries.get(key)
        if entry is None or self._is_expired(entry, event):
            return 0.0
        return max(0.0, event + entry.delay - self.clock())

    def record_failure(self, key: str, event: float | None = None) -> None:
        """Set the key's next delay. ``event``: when it failed, if that was not now."""
        now = self.clock()
        entry = self._entries.get(key)
        if entry is None or self._is_expired(entry, now if event is None else event):
            delay = self.initial
        else:
            delay = entry.delay * 2
        self._entries[key] = _Entry(min(delay, self.maximum), now)

    def forget(self, prefix: str) -> None:
        """Remove all keys with this prefix."""
        self._entries = {key: entry for key, entry in self._entries.items() if not key.startswith(prefix)}

    def drop_expired(self) -> None:
        """Remove the keys that start again anyway."""
        now = self.clock()
        self._entries = {
            key: entry for key, entry in self._entries.items() if not self._is_expired(entry, now)
        }

    def _is_expired(self, entry: _Entry, event: float) -> bool:
        return event - entry.updated > 2 * self.maximum
