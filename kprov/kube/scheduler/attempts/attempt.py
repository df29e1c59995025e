"""One attempt to schedule a pod, from the queue to its end, and how a failed one ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from kprov.kube.api.core import Pod
from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.attempts.pod_reporter import SCHEDULER_ERROR, UNSCHEDULABLE, PodReporter
from kprov.kube.scheduler.framework.diagnosis import Diagnosis
from kprov.kube.scheduler.framework.status import Code, Status
from kprov.kube.scheduler.queue.queued_pod import QueuedPod
from kprov.kube.scheduler.queue.scheduling_queue import SchedulingQueue

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Attempt:
    """An attempt to schedule a pod.

    `nominated`: whether the pod's status names the node before the binding.
    """

    queued: QueuedPod
    nominated: bool = False
    start: float = field(default_factory=time.perf_counter)

    @property
    def pod(self) -> Pod:
        return self.queued.pod

    def record(self, result: str) -> None:
        metrics.record_attempt(result, self.pod.spec.scheduler_name, time.perf_counter() - self.start)

    def record_scheduled(self) -> None:
        self.record("scheduled")
        queued = self.queued
        seconds = time.monotonic() - queued.added
        metrics.record_scheduled_pod(queued.attempts, seconds, flushed=queued.flushed)


class FailureHandler:
    """Puts pods back into the queue. `spawn` runs the requests that tell why in the background."""

    def __init__(
        self,
        queue: SchedulingQueue,
        reporter: PodReporter,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._queue = queue
        self._reporter = reporter
        self._spawn = spawn

    def reject(
        self, attempt: Attempt, diagnosis: Diagnosis, *, nominated: str | None = "", block: bool = False
    ) -> None:
        """Hold a pod that fits on no node until an event may help. `block`: at least until `unblock`."""
        attempt.record("unschedulable")
        if attempt.queued.uid not in self._queue:
            return
        self._queue.add_unschedulable(attempt.queued, diagnosis.plugins, diagnosis.pending, block=block)
        self._report(attempt, UNSCHEDULABLE, diagnosis.message, nominated)

    def fail(self, attempt: Attempt, message: str) -> None:
        """Record an error, and try the pod again after its backoff."""
        attempt.record("error")
        if attempt.queued.uid not in self._queue:
            # Deleted in the meantime.
            return
        log.warning("pod %s: %s", attempt.pod.key, message)
        self._queue.retry_after_backoff(attempt.queued)
        self._report(attempt, SCHEDULER_ERROR, message, "")

    def take_back(self, attempt: Attempt, status: Status) -> None:
        """Handle a pod whose node a plugin rejected after it was chosen."""
        if status.is_rejected:
            plugins = frozenset({status.plugin}) if status.plugin else frozenset()
            pending = plugins if status.code is Code.PENDING else frozenset()
            self.reject(attempt, Diagnosis(1, {status.message: 1}, plugins, pending))
        else:
            self.fail(attempt, status.message)

    def _report(self, attempt: Attempt, reason: str, message: str, nominated: str | None) -> None:
        pod = attempt.pod
        if attempt.nominated and nominated == "" and not pod.status.nominated_node_name:
            # The watch has not brought our own nomination yet.
            self._spawn(self._reporter.write_nomination(pod, ""))
        self._spawn(self._reporter.report_failure(pod, reason, message, nominated))
