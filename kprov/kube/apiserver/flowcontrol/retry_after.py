"""Retry-After of rejected requests: the more requests a level rejects, the later.

The time doubles while a level rejects many requests, and decreases by a second when it rejects few.
Source: upstream apiserver/pkg/util/flowcontrol/dropped_requests_tracker.go.
"""

from __future__ import annotations

from typing import Final

_MOST_SECONDS: Final = 32
_RAISES: Final = 3


class RetryAfter:
    """For one priority level. `seconds`: the present value."""

    def __init__(self) -> None:
        self.seconds = 1
        self._raised_at = 0
        self._second = 0
        self._refused = 0
        #: (second, requests rejected in it), oldest first.
        self._history: list[tuple[int, int]] = []

    def count_refusal(self, now: int) -> None:
        """Count a rejected request. now: Unix time."""
        if now == self._second:
            self._refused += 1
            return
        oldest = self._second - min(2 * self.seconds, _MOST_SECONDS)
        self._history = [entry for entry in self._history if entry[0] >= oldest]
        self._history.append((self._second, self._refused))
        self._second, self._refused = now, 1
        self._adjust(now)

    def _adjust(self, now: int) -> None:
        lately = sum(count for second, count in self._history if now - self.seconds <= second < now)
        if now - self._raised_at >= self.seconds and lately >= _RAISES * self.seconds:
            self.seconds = min(2 * self.seconds, _MOST_SECONDS)
            self._raised_at = now
        elif lately < self.seconds and self.seconds > 1:
            self.seconds -= 1
