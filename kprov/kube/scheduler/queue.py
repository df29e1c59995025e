"""Pods without a node: active by priority, in backoff after a failure, or waiting for a change."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kprov.kube.api.core import Pod

#: Seconds after which a pod is tried again without a change, as upstream.
UNSCHEDULABLE_SECONDS = 300.0
#: The kind of change for an update of the pod that is being scheduled.
_ITSELF = "itself"


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds that a pod waits after its first attempt, and at most."""

    initial: float = 1.0
    maximum: float = 10.0

    def get_seconds(self, attempts: int) -> float:
        """Doubles with each attempt: 1, 2, 4, 8, 10. No attempt needs no backoff."""
        return min(self.maximum, self.initial * 2.0 ** (attempts - 1)) if attempts else 0.0


DEFAULT_BACKOFF = Backoff()


@dataclass(slots=True)
class QueuedPod:
    """A waiting pod. `rejected_by`: rules that refused it last; `attempts`: how often it was tried.

    `blocked`: work of PostFilter is under way, such as a preemption. `woken`: a change came meanwhile.
    """

    pod: Pod
    added: float
    attempts: int = 0
    rejected_by: frozenset[str] = frozenset()
    gated: bool = False
    blocked: bool = False
    woken: bool = False
    ready_at: float = 0.0
    entry: int = field(default=-1)

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid

    @property
    def may_be_tried(self) -> bool:
        return not self.gated and not self.blocked


class SchedulingQueue:
    """For one consumer, in the event loop. `clock` gives monotonic seconds."""

    def __init__(
        self, backoff: Backoff = DEFAULT_BACKOFF, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._backoff = backoff
        self._clock = clock
        self._numbers = itertools.count()
        self._active: list[tuple[int, float, int, str]] = []
        #: Pods that a change may let fit. They wait for their backoff only while other pods are active.
        self._backing_off: list[tuple[float, int, str]] = []
        #: Pods whose attempt failed with an error. They always wait for their backoff.
        self._failed: list[tuple[float, int, str]] = []
        self._pods: dict[str, QueuedPod] = {}
        self._waiting: dict[str, QueuedPod] = {}
        self._wake = asyncio.Event()
        #: Kinds of change that came while a pod was being scheduled: it may have missed one of them.
        self._in_flight: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        """Whether the pod waits or is being scheduled."""
        return uid in self._pods

    def count_pending(self) -> dict[str, int]:
        """Pods by queue, under the names of upstream's metric scheduler_pending_pods."""
        gated = sum(queued.gated for queued in self._waiting.values())
        entries = (*self._backing_off, *self._failed)
        backing_off = sum(1 for _, number, uid in entries if self._get_current(uid, number))
        return {
            "gated": gated,
            "unschedulable": len(self._waiting) - gated,
            "backoff": backing_off,
            "active": len(self._pods) - len(self._waiting) - backing_off,
        }

    def add(self, pod: Pod) -> None:
        """A pod without a node is new or changed."""
        if pod.metadata.uid in self._pods:
            self.update(pod)
            return
        gated = bool(pod.spec.scheduling_gates)
        queued = self._pods[pod.metadata.uid] = QueuedPod(pod, self._clock(), gated=gated)
        self._hold(queued) if gated else self._activate(queued)

    def update(self, pod: Pod) -> None:
        """A pod of the queue changed, maybe while it is being scheduled. Other pods are ignored."""
        queued = self._pods.get(pod.metadata.uid)
        if queued is None:
            return
        gated = bool(pod.spec.scheduling_gates)
        handle_change = _get_relevant_fields(queued.pod) != _get_relevant_fields(pod)
        queued.pod = pod
        if queued.gated and not gated:
            queued.gated = False
            self._activate(queued)
        elif handle_change and queued.uid in self._waiting and not gated:
            self._wake_up(queued)
        elif handle_change and queued.uid in self._in_flight:
            self._in_flight[queued.uid].add(_ITSELF)

    def remove(self, uid: str) -> None:
        """The pod is bound or deleted."""
        self._pods.pop(uid, None)
        self._waiting.pop(uid, None)
        self._in_flight.pop(uid, None)

    async def pop(self) -> QueuedPod:
        """Wait for the pod with the highest priority. Among equals, the one that waits longest."""
        while True:
            self._flush_expired()
            queued = self._take_active()
            if queued is not None:
                queued.attempts += 1
                queued.entry = -1
                self._in_flight[queued.uid] = set()
                return queued
            self._wake.clear()
            timeout = self._get_next_deadline()
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except TimeoutError:
                continue

    def _take_active(self) -> QueuedPod | None:
        """An active pod. If there is none, the pod whose backoff ends first."""
        while self._active:
            _, _, number, uid = heapq.heappop(self._active)
            queued = self._get_current(uid, number)
            if queued is not None:
                return queued
        while self._backing_off:
            _, number, uid = heapq.heappop(self._backing_off)
            queued = self._get_current(uid, number)
            if queued is not None:
                return queued
        return None

    def mark_scheduled(self, queued: QueuedPod) -> None:
        """The pod has a node."""
        self.remove(queued.uid)

    def add_unschedulable(
        self,
        queued: QueuedPod,
        rejected_by: frozenset[str],
        interests: frozenset[str],
        *,
        block: bool = False,
    ) -> None:
        """No node fits. Hold the pod until a change may help, which may have come in the meantime.

        block: hold it at least until ``unblock``.
        """
        missed = self._in_flight.pop(queued.uid, set())
        if queued.uid not in self._pods:
            return
        queued.rejected_by = rejected_by
        queued.blocked, queued.woken = block, False
        self._hold(queued)
        if missed & (interests | {_ITSELF}):
            self._wake_up(queued)

    def unblock(self, uid: str, *, retry: bool) -> None:
        """The work of PostFilter is done. Try the pod again after a change, or if retry is True."""
        queued = self._waiting.get(uid)
        if queued is None or not queued.blocked:
            return
        queued.blocked = False
        if retry:
            self._back_off(queued, self._failed)
        elif queued.woken:
            self._back_off(queued, self._backing_off)

    def retry_after_backoff(self, queued: QueuedPod) -> None:
        """The binding or a request failed. Try again after the backoff."""
        self._in_flight.pop(queued.uid, None)
        if queued.uid in self._pods:
            self._back_off(queued, self._failed)

    def handle_change(self, kind: str, interests: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """Try the pods again whose rules depend on this kind of change."""
        for seen in self._in_flight.values():
            seen.add(kind)
        for queued in list(self._waiting.values()):
            if not queued.gated and kind in interests(queued.rejected_by):
                self._wake_up(queued)

    def _get_current(self, uid: str, number: int) -> QueuedPod | None:
        queued = self._pods.get(uid)
        return queued if queued is not None and queued.entry == number else None

    def _activate(self, queued: QueuedPod) -> None:
        self._waiting.pop(queued.uid, None)
        queued.entry = next(self._numbers)
        priority = queued.pod.spec.priority or 0
        heapq.heappush(self._active, (-priority, queued.added, queued.entry, queued.uid))
        self._wake.set()

    def _wake_up(self, queued: QueuedPod) -> None:
        """A change may let a waiting pod fit."""
        if queued.blocked:
            queued.woken = True
        else:
            self._back_off(queued, self._backing_off)

    def _back_off(self, queued: QueuedPod, heap: list[tuple[float, int, str]]) -> None:
        self._waiting.pop(queued.uid, None)
        queued.entry = next(self._numbers)
        queued.ready_at = self._clock() + self._backoff.get_seconds(queued.attempts)
        heapq.heappush(heap, (queued.ready_at, queued.entry, queued.uid))
        self._wake.set()

    def _hold(self, queued: QueuedPod) -> None:
        queued.entry = -1
        queued.ready_at = self._clock() + UNSCHEDULABLE_SECONDS
        self._waiting[queued.uid] = queued

    def _flush_expired(self) -> None:
        """Activate pods whose backoff is over or that waited for UNSCHEDULABLE_SECONDS."""
        now = self._clock()
        for heap in (self._backing_off, self._failed):
            while heap and heap[0][0] <= now:
                _, number, uid = heapq.heappop(heap)
                queued = self._get_current(uid, number)
                if queued is not None:
                    self._activate(queued)
        for queued in [q for q in self._waiting.values() if q.may_be_tried and q.ready_at <= now]:
            self._activate(queued)

    def _get_next_deadline(self) -> float | None:
        """Seconds until the next pod must become active. None if no pod waits for a time."""
        times = [self._failed[0][0]] if self._failed else []
        times += [queued.ready_at for queued in self._waiting.values() if queued.may_be_tried]
        return max(0.001, min(times) - self._clock()) if times else None


def _get_relevant_fields(pod: Pod) -> object:
    """The fields on which scheduling depends. The scheduler itself writes most of the status."""
    return pod.spec, pod.metadata.labels, pod.metadata.annotations, pod.status.resource_claim_statuses
