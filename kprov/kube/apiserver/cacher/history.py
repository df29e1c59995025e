"""The recent changes of a resource, from which a watch can start.

The window grows while changes come fast, so that a client that comes back soon finds its revision. It is
bounded in bytes. Source: k8s.io/apiserver/pkg/storage/cacher/watch_cache.go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final

from kprov.kube.apiserver.cacher.entry import Event

#: Up to so many changes are kept whatever their size is.
MIN_EVENTS: Final = 100
#: Up to so many changes are kept whatever their age is.
AGELESS_EVENTS: Final = 2_000
MAX_EVENTS: Final = 100 * 1024
#: Upstream's eventFreshDuration.
FRESH_SECONDS: Final = 75.0
#: Of the changed objects. Upstream has no such limit.
MAX_BYTES: Final = 32 << 20


class History:
    """Events in the order of their revisions."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        #: With the times at which they came.
        self._events: deque[tuple[float, Event]] = deque()
        self._bytes = 0
        #: The revision of the last forgotten event.
        self.floor = 0

    def append(self, event: Event) -> None:
        """Add an event and forget the oldest ones."""
        now = self._clock()
        self._events.append((now, event))
        self._bytes += len(event.entry.tail)
        while self._is_full(now):
            _, oldest = self._events.popleft()
            self._bytes -= len(oldest.entry.tail)
            self.floor = oldest.revision

    def _is_full(self, now: float) -> bool:
        count = len(self._events)
        if count <= MIN_EVENTS:
            return False
        if count > MAX_EVENTS or self._bytes > MAX_BYTES:
            return True
        return count > AGELESS_EVENTS and now - self._events[0][0] > FRESH_SECONDS

    def find(self, revision: int) -> list[Event] | None:
        """Return the events after a revision; None if some of them were forgotten."""
        if revision < self.floor:
            return None
        events: list[Event] = []
        for _, event in reversed(self._events):
            if event.revision <= revision:
                break
            events.append(event)
        events.reverse()
        return events

    def clear(self, floor: int) -> None:
        self._events.clear()
        self._bytes = 0
        self.floor = floor
