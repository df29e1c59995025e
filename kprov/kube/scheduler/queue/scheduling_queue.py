"""Pods without a node: active by priority, in backoff after a failure, or waiting for an event."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable, Iterable
from typing import Any

from kprov.kube.api.core import Pod
from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.framework.events import UNSCHEDULABLE_POD_ADD, ClusterEvent
from kprov.kube.scheduler.framework.object_changes import has_relevant_change, list_pod_events
from kprov.kube.scheduler.framework.plugin import Profile, SortKey, get_priority_key
from kprov.kube.scheduler.queue.hints import HintTable, Matches, run_hint
from kprov.kube.scheduler.queue.in_flight_events import InFlightEvents, ObjectEvent
from kprov.kube.scheduler.queue.queued_pod import DEFAULT_BACKOFF, Backoff, QueuedPod
from kprov.kube.scheduler.queue.unschedulable_pods import UnschedulablePods, count_rejections

#: Labels of metrics for what is no event of the cluster.
_ATTEMPT_FAILURE = "ScheduleAttemptFailure"
_BACKOFF_COMPLETE = "BackoffComplete"
_POP_FROM_BACKOFF = "PopFromBackoffQ"
_TIMEOUT = "UnschedulableTimeout"


class SchedulingQueue:
    """For one consumer, in the event loop. `clock` gives monotonic seconds."""

    def __init__(
        self,
        backoff: Backoff = DEFAULT_BACKOFF,
        hints: HintTable | None = None,
        find_gate: Callable[[Pod], str] | None = None,
        get_sort_key: Callable[[Pod, float], SortKey] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create an empty queue.

        `find_gate`: returns the plugin for which a pod waits before it is tried, "" for none (PreEnqueue).
        `get_sort_key`: of QueueSort; by default pods are sorted by priority.
        """
        self._backoff = backoff
        self._find_gate = find_gate or Profile("").find_gate
        self._get_sort_key = get_sort_key or get_priority_key
        self._hints = hints or HintTable()
        self._clock = clock
        self._numbers = itertools.count()
        self._active: list[tuple[SortKey, int, str]] = []
        #: Pods that an event may let fit, by the end of their backoff: they wait for it only while other pods
        #: are active. Those whose backoff ends in the same second are tried in the order of active ones.
        self._backing_off: list[tuple[int, SortKey, int, str]] = []
        #: Pods whose attempt failed with an error. They always wait for their backoff.
        self._failed: list[tuple[float, int, str]] = []
        self._pods: dict[str, QueuedPod] = {}
        self._unschedulable = UnschedulablePods()
        self._in_flight = InFlightEvents()
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        """Whether the pod waits or is being scheduled."""
        return uid in self._pods

    def count_pending(self) -> dict[str, int]:
        """Return the number of pods by queue, under the names of upstream's metric scheduler_pending_pods."""
        backing_off = self._count_current(entry[-2:] for entry in self._backing_off)
        return {
            "gated": self._unschedulable.gated_count,
            "unschedulable": self._unschedulable.count,
            "backoff": backing_off + self._count_current(entry[-2:] for entry in self._failed),
            "active": self._count_current(entry[-2:] for entry in self._active),
        }

    def count_in_flight(self) -> dict[str, int]:
        """Return the pods under way and events since, under the names of scheduler_inflight_events."""
        return self._in_flight.count()

    def _count_current(self, entries: Iterable[tuple[int, str]]) -> int:
        return sum(self._get_current(uid, number) is not None for number, uid in entries)

    def add(self, pod: Pod) -> None:
        """Add a new pod that has no node."""
        if pod.metadata.uid in self._pods:
            self.update(pod)
            return
        now = self._clock()
        gate = self._find_gate(pod)
        queued = self._pods[pod.metadata.uid] = QueuedPod(pod, now, now, gated=bool(gate))
        if gate:
            self._hold_gated(queued, gate, UNSCHEDULABLE_POD_ADD.label)
        else:
            self._activate(queued, UNSCHEDULABLE_POD_ADD.label)

    def update(self, pod: Pod) -> None:
        """Update a pod of the queue, maybe while it is being scheduled. Other pods are ignored."""
        queued = self._pods.get(pod.metadata.uid)
        if queued is None:
            return
        old = queued.pod
        queued.set_pod(pod)
        if queued.gated:
            self._check_gate(queued, list_pod_events(old, pod)[-1].label)
            return
        is_in_flight = queued.uid in self._in_flight
        if not is_in_flight and queued.uid not in self._unschedulable:
            return
        if not has_relevant_change(old, pod):
            # Only what the scheduler itself writes.
            return
        for event in list_pod_events(old, pod):
            matches, change = self._hints.find(event), ObjectEvent(event, old, pod)
            if is_in_flight and matches:
                self._in_flight.add(change)
            elif not is_in_flight and self._try_again(queued, matches, change):
                return

    def _check_gate(self, queued: QueuedPod, event: str) -> None:
        """Try a gated pod, unless it still has to wait, maybe for another plugin."""
        gate = self._find_gate(queued.pod)
        if gate in queued.rejected_by:
            return
        self._unschedulable.remove(queued.uid)
        self._clear_rejections(queued)
        queued.gated = bool(gate)
        if gate:
            self._hold_gated(queued, gate, event)
        else:
            self._activate(queued, event)

    def _hold_gated(self, queued: QueuedPod, gate: str, event: str) -> None:
        queued.rejected_by = frozenset({gate})
        count_rejections(queued, 1)
        self._hold(queued, event)

    def remove(self, uid: str) -> None:
        """Remove a pod that is bound or deleted."""
        queued = self._pods.pop(uid, None)
        if queued is None:
            return
        self._unschedulable.remove(uid)
        self._in_flight.end(uid)
        self._clear_rejections(queued)

    def _clear_rejections(self, queued: QueuedPod) -> None:
        count_rejections(queued, -1)
        queued.rejected_by = queued.pending = frozenset()

    async def pop(self) -> QueuedPod:
        """Wait for the first pod in the order of QueueSort."""
        while True:
            self._flush_expired()
            queued = self._take_active()
            if queued is not None:
                queued.attempts += 1
                queued.entry = -1
                self._clear_rejections(queued)
                self._in_flight.start(queued.uid)
                return queued
            self._wake.clear()
            timeout = self._get_next_deadline()
            # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._wake.wait()

    def _take_active(self) -> QueuedPod | None:
        """Take an active pod, or else the pod whose backoff ends first."""
        while self._active:
            _, number, uid = heapq.heappop(self._active)
            queued = self._get_current(uid, number)
            if queued is not None:
                return queued
        while self._backing_off:
            *_, number, uid = heapq.heappop(self._backing_off)
            queued = self._get_current(uid, number)
            if queued is not None:
                metrics.record_incoming("active", _POP_FROM_BACKOFF)
                return queued
        return None

    def end_attempt(self, uid: str) -> None:
        """Drop the events of an attempt that can only end with a binding or an error."""
        self._in_flight.end(uid)

    def add_unschedulable(
        self,
        queued: QueuedPod,
        rejected_by: frozenset[str],
        pending: frozenset[str] = frozenset(),
        *,
        block: bool = False,
    ) -> None:
        """Hold a pod that fits on no node until an event may help, which may have come during the attempt.

        `block`: hold it at least until `unblock`.
        """
        missed = list(self._in_flight.iterate(queued.uid))
        self._in_flight.end(queued.uid)
        if queued.uid not in self._pods:
            return
        queued.unschedulable_count += 1
        queued.error_count = 0
        queued.timestamp = self._clock()
        queued.rejected_by, queued.pending = rejected_by | pending, pending
        queued.blocked, queued.woken, queued.flushed = block, False, False
        count_rejections(queued, 1)
        self._hold(queued, _ATTEMPT_FAILURE)
        for change in missed:
            if self._try_again(queued, self._hints.find(change.event), change, _ATTEMPT_FAILURE):
                return

    def unblock(self, uid: str, *, retry: bool) -> None:
        """Release a pod whose work of PostFilter is done: try it again if `retry`, else after an event."""
        queued = self._unschedulable.get(uid)
        if queued is None or not queued.blocked:
            return
        self._unschedulable.unblock(queued, self._clock())
        if retry:
            self._unschedulable.remove(uid)
            queued.timestamp = self._clock()
            self._push_failed(queued)
        elif queued.woken:
            self._requeue(queued, _ATTEMPT_FAILURE)

    def retry_after_backoff(self, queued: QueuedPod) -> None:
        """Try a pod again after its backoff, because a plugin or a request failed."""
        self._in_flight.end(queued.uid)
        if queued.uid in self._pods:
            queued.error_count += 1
            queued.timestamp = self._clock()
            self._push_failed(queued)

    def handle_event(
        self,
        event: ClusterEvent,
        old: Any,
        new: Any,
        among: Callable[[QueuedPod], bool] | None = None,
    ) -> None:
        """Try the pods again that this event may help. among: which of them may be concerned."""
        matches = self._hints.find(event)
        if not matches:
            return
        start = time.perf_counter()
        change = ObjectEvent(event, old, new)
        for queued in self._unschedulable.list_rejected(matches):
            if among is None or among(queued):
                self._try_again(queued, matches, change)
        self._in_flight.add(change)
        metrics.record_event(event.label, time.perf_counter() - start)

    def _try_again(self, queued: QueuedPod, matches: Matches, change: ObjectEvent, label: str = "") -> bool:
        """Whether the pod moves because a plugin says that the event may help."""
        if queued.woken:
            return False
        helps, is_urgent = False, False
        for key in queued.keys:
            if any(
                run_hint(key[1], hint, change.event, queued.info, change.old, change.new)
                for hint in matches.get(key, ())
            ):
                helps = True
                is_urgent = key[1] in queued.pending
                if is_urgent or not queued.pending:
                    break
        if helps:
            self._requeue(queued, label or change.event.label, immediately=is_urgent)
        return helps

    def _requeue(self, queued: QueuedPod, event: str, *, immediately: bool = False) -> None:
        """Move an unschedulable pod to the active pods, or to those in backoff while its backoff lasts."""
        if queued.gated:
            self._check_gate(queued, event)
            return
        if queued.blocked:
            queued.woken = True
            return
        self._unschedulable.remove(queued.uid)
        end = queued.timestamp + self._backoff.get_seconds(queued.failures)
        if immediately or end <= self._clock():
            self._activate(queued, event)
            return
        queued.entry = next(self._numbers)
        key = self._get_sort_key(queued.pod, queued.timestamp)
        heapq.heappush(self._backing_off, (int(end), key, queued.entry, queued.uid))
        metrics.record_incoming("backoff", event)
        self._wake.set()

    def _get_current(self, uid: str, number: int) -> QueuedPod | None:
        queued = self._pods.get(uid)
        return queued if queued is not None and queued.entry == number else None

    def _activate(self, queued: QueuedPod, event: str) -> None:
        queued.entry = next(self._numbers)
        key = self._get_sort_key(queued.pod, queued.timestamp)
        heapq.heappush(self._active, (key, queued.entry, queued.uid))
        metrics.record_incoming("active", event)
        self._wake.set()

    def _push_failed(self, queued: QueuedPod) -> None:
        queued.entry = next(self._numbers)
        end = queued.timestamp + self._backoff.get_seconds(queued.failures)
        heapq.heappush(self._failed, (end, queued.entry, queued.uid))
        metrics.record_incoming("backoff", _ATTEMPT_FAILURE)
        self._wake.set()

    def _hold(self, queued: QueuedPod, event: str) -> None:
        self._unschedulable.add(queued, self._clock())
        metrics.record_incoming("unschedulable", event)

    def _flush_expired(self) -> None:
        """Activate the pods whose backoff is over, and those that waited for UNSCHEDULABLE_SECONDS."""
        now = self._clock()
        while self._failed and self._failed[0][0] <= now:
            _, number, uid = heapq.heappop(self._failed)
            self._activate_current(uid, number)
        while self._backing_off and self._backing_off[0][0] + 1 <= now:
            *_, number, uid = heapq.heappop(self._backing_off)
            self._activate_current(uid, number)
        for queued in self._unschedulable.take_expired(now):
            queued.flushed = True
            self._activate(queued, _TIMEOUT)

    def _activate_current(self, uid: str, number: int) -> None:
        queued = self._get_current(uid, number)
        if queued is not None:
            self._activate(queued, _BACKOFF_COMPLETE)

    def _get_next_deadline(self) -> float | None:
        """Return the seconds until the next pod must become active, None if no pod waits for a time."""
        times = [self._failed[0][0]] if self._failed else []
        flush = self._unschedulable.get_deadline()
        if flush is not None:
            times.append(flush)
        return max(0.001, min(times) - self._clock()) if times else None
