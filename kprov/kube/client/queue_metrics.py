"""The workqueue_* metrics of client-go."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Final
from weakref import WeakSet

from kprov.kube.component_base import metrics

_DEPTH: Final = metrics.gauge("workqueue_depth", "Current depth of workqueue", ["name"])
_ADDS: Final = metrics.counter("workqueue_adds_total", "Total number of adds handled by workqueue", ["name"])
_RETRIES: Final = metrics.counter(
    "workqueue_retries_total", "Total number of retries handled by workqueue", ["name"]
)
_QUEUE_SECONDS: Final = metrics.histogram(
    "workqueue_queue_duration_seconds",
    "How long in seconds an item stays in workqueue before being requested.",
    ["name"],
    metrics.QUEUE_BUCKETS,
)
_WORK_SECONDS: Final = metrics.histogram(
    "workqueue_work_duration_seconds",
    "How long in seconds processing an item from workqueue takes.",
    ["name"],
    metrics.QUEUE_BUCKETS,
)
_UNFINISHED_SECONDS: Final = metrics.gauge(
    "workqueue_unfinished_work_seconds",
    "How many seconds of work is in progress and hasn't been observed by work_duration. Large values mean "
    "that work is stuck.",
    ["name"],
)
_LONGEST_SECONDS: Final = metrics.gauge(
    "workqueue_longest_running_processor_seconds",
    "How many seconds has the longest running processor for workqueue been running.",
    ["name"],
)
#: The living queues of each name.
_QUEUES: Final[dict[str, WeakSet[QueueMetrics]]] = {}


class QueueMetrics:
    """Metrics of one queue. Queues of the same name have them together."""

    def __init__(self, name: str) -> None:
        queues = _QUEUES.setdefault(name, WeakSet())
        queues.add(self)
        self._depth = _DEPTH.labels(name)
        self._adds = _ADDS.labels(name)
        self._retries = _RETRIES.labels(name)
        self._queue_seconds = _QUEUE_SECONDS.labels(name)
        self._work_seconds = _WORK_SECONDS.labels(name)
        self._added_at: dict[Hashable, float] = {}
        self.started_at: dict[Hashable, float] = {}
        _UNFINISHED_SECONDS.labels(name).set_function(lambda: sum(_list_ages(queues)))
        _LONGEST_SECONDS.labels(name).set_function(lambda: max(_list_ages(queues), default=0.0))

    def on_add(self, key: Hashable) -> None:
        self._adds.inc()
        self._depth.inc()
        self._added_at.setdefault(key, time.monotonic())

    def on_get(self, key: Hashable) -> None:
        now = time.monotonic()
        self._depth.dec()
        self._queue_seconds.observe(now - self._added_at.pop(key, now))
        self.started_at[key] = now

    def on_done(self, key: Hashable) -> None:
        if (start := self.started_at.pop(key, None)) is not None:
            self._work_seconds.observe(time.monotonic() - start)

    def on_retry(self) -> None:
        self._retries.inc()


def _list_ages(queues: WeakSet[QueueMetrics]) -> list[float]:
    """For how many seconds each key in work is worked on."""
    now = time.monotonic()
    return [now - start for queue in queues for start in queue.started_at.values()]
