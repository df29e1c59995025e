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


@dataclass(slots=True)
class _Entry:
    delay: float
    since: float


@dataclass(kw_only=True)
class KeyedBackoff:
    """A delay per key that doubles with each use, in seconds (client-go's flowcontrol.Backoff).

    A key that was not used for twice the maximum starts again. Times come from ``clock``.
    """

    initial: float
    maximum: float
    clock: Callable[[], float] = time.monotonic
    _entries: dict[str, _Entry] = field(default_factory=dict, init=False)

    def remaining(self, key: str) -> float:
        """Seconds until the key's delay is over; 0 when it is, or when the key was never used."""
        entry = self._entries.get(key)
        if entry is None:
            return 0.0
        elapsed = self.clock() - entry.since
        return 0.0 if self._is_expired(entry) else max(0.0, entry.delay - elapsed)

    def use(self, key: str) -> None:
        """Start the key's next delay."""
        entry = self._entries.get(key)
        delay = min(entry.delay * 2, self.maximum) if entry and not self._is_expired(entry) else self.initial
        self._entries[key] = _Entry(delay, self.clock())

    def drop_expired(self) -> None:
        """Forget the keys that start again anyway."""
        self._entries = {key: entry for key, entry in self._entries.items() if not self._is_expired(entry)}

    def _is_expired(self, entry: _Entry) -> bool:
        return self.clock() - entry.since > 2 * self.maximum
