"""The workqueue_* metrics of client-go."""

import time
from collections.abc import Hashable
from typing import Final

from kprov.kube.component_base import metrics

_DEPTH: Final = metrics.gauge("workqueue_depth", "Current depth of workqueue", ["name"])
_ADDS: Final = metrics.counter("workqueue_adds_total", "Total number of adds handled by workqueue", ["name"])
_RETRIES: Final = metrics.counter(
    "workqueue_retries_total", "Total number of retries handled by workqueue", ["name"]
)
_WAITED: Final = metrics.histogram(
    "workqueue_queue_duration_seconds",
    "How long in seconds an item stays in workqueue before being requested.",
    ["name"],
    metrics.QUEUE_BUCKETS,
)
_WORKED: Final = metrics.histogram(
    "workqueue_work_duration_seconds",
    "How long in seconds processing an item from workqueue takes.",
    ["name"],
    metrics.QUEUE_BUCKETS,
)


class QueueMetrics:
    """Counts for one queue."""

    def __init__(self, name: str) -> None:
        self._depth = _DEPTH.labels(name)
        self._adds = _ADDS.labels(name)
        self._retries = _RETRIES.labels(name)
        self._waited = _WAITED.labels(name)
        self._worked = _WORKED.labels(name)
        self._added_at: dict[Hashable, float] = {}
        self._taken_at: dict[Hashable, float] = {}

    def added(self, key: Hashable, depth: int) -> None:
        self._adds.inc()
        self._depth.set(depth)
        self._added_at.setdefault(key, time.monotonic())

    def taken(self, key: Hashable, depth: int) -> None:
        now = time.monotonic()
        self._depth.set(depth)
        self._waited.observe(now - self._added_at.pop(key, now))
        self._taken_at[key] = now

    def finished(self, key: Hashable) -> None:
        if (start := self._taken_at.pop(key, None)) is not None:
            self._worked.observe(time.monotonic() - start)

    def retried(self) -> None:
        self._retries.inc()
