"""Events that come while pods are being scheduled: their attempt may have missed one of them."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from kprov.kube.scheduler.framework.events import ClusterEvent


class ObjectEvent(NamedTuple):
    """An event with the object before and after it."""

    event: ClusterEvent
    old: Any
    new: Any


class InFlightEvents:
    """One log for all pods. It starts with the oldest attempt."""

    def __init__(self) -> None:
        #: Number of the first event of each attempt, by the pod's UID. The oldest attempt comes first.
        self._starts: dict[str, int] = {}
        self._log: deque[ObjectEvent] = deque()
        self._first = 0

    def __contains__(self, uid: str) -> bool:
        return uid in self._starts

    def __len__(self) -> int:
        """Return the number of events in the log."""
        return len(self._log)

    def count(self) -> dict[str, int]:
        """Return the number of events by label, and under PodPopped that of attempts under way."""
        counts = Counter(entry.event.label for entry in self._log)
        counts["PodPopped"] = len(self._starts)
        return dict(counts)

    def start(self, uid: str) -> None:
        """Record that an attempt to schedule the pod begins."""
        self._starts[uid] = self._first + len(self._log)

    def add(self, event: ObjectEvent) -> None:
        if self._starts:
            self._log.append(event)

    def iterate(self, uid: str) -> Iterator[ObjectEvent]:
        """Iterate over the events since the start of the pod's attempt."""
        start = self._starts.get(uid)
        return iter(()) if start is None else islice(self._log, start - self._first, None)

    def end(self, uid: str) -> None:
        """Drop events that only this attempt could need. Unknown pods are ignored."""
        if self._starts.pop(uid, None) is None:
            return
        if not self._starts:
            self._first += len(self._log)
            self._log.clear()
            return
        oldest = next(iter(self._starts.values()))
        while self._first < oldest:
            self._log.popleft()
            self._first += 1
