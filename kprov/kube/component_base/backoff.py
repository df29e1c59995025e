"""Delays that grow, for retries."""

import random
import time
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
        """The delay to wait now, in [d, d * (1 + jitter))."""
        now = time.monotonic()
        if self._delay == 0 or now - self._last > self.reset_after:
            self._delay = self.initial
        delay = self._delay
        self._last = now
        self._delay = min(self._delay * self.factor, self.maximum)
        return delay * (1 + random.random() * self.jitter)  # noqa: S311  spreading load, not secrets

    def reset(self) -> None:
        self._delay = 0.0
