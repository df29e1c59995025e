"""Pods that wait for an event: by the plugins that rejected them, and by the time since when they wait."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.queue.hints import Matches, PluginKey
from kprov.kube.scheduler.queue.queued_pod import QueuedPod

#: Seconds after which a pod is tried again without an event, as upstream.
UNSCHEDULABLE_SECONDS = 300.0


class UnschedulablePods:
    """Gated pods wait for PreEnqueue, blocked ones for the end of a preemption, too."""

    def __init__(self) -> None:
        #: In the order in which their time is over.
        self._waiting: OrderedDict[str, tuple[float, QueuedPod]] = OrderedDict()
        self._blocked: dict[str, QueuedPod] = {}
        self._gated: dict[str, QueuedPod] = {}
        self._rejected: dict[PluginKey, dict[str, QueuedPod]] = {}

    def __contains__(self, uid: str) -> bool:
        return uid in self._waiting or uid in self._blocked or uid in self._gated

    def get(self, uid: str) -> QueuedPod | None:
        if uid in self._waiting:
            return self._waiting[uid][1]
        return self._blocked.get(uid) or self._gated.get(uid)

    @property
    def gated_count(self) -> int:
        return len(self._gated)

    @property
    def count(self) -> int:
        """Return the number of pods without the gated ones."""
        return len(self._waiting) + len(self._blocked)

    def add(self, queued: QueuedPod, now: float) -> None:
        queued.entry = -1
        if queued.gated:
            self._gated[queued.uid] = queued
        elif queued.blocked:
            self._blocked[queued.uid] = queued
        else:
            self._waiting[queued.uid] = now + UNSCHEDULABLE_SECONDS, queued
        for key in queued.keys:
            self._rejected.setdefault(key, {})[queued.uid] = queued

    def unblock(self, queued: QueuedPod, now: float) -> None:
        """Let a pod wait for an event only: its preemption is over."""
        queued.blocked = False
        del self._blocked[queued.uid]
        self._waiting[queued.uid] = now + UNSCHEDULABLE_SECONDS, queued

    def remove(self, uid: str) -> None:
        """Remove a pod. Unknown pods are ignored."""
        entry = self._waiting.pop(uid, None)
        queued = entry[1] if entry else self._blocked.pop(uid, None) or self._gated.pop(uid, None)
        if queued is not None:
            for key in queued.keys:
                pods = self._rejected[key]
                del pods[uid]
                if not pods:
                    del self._rejected[key]

    def list_rejected(self, matches: Matches) -> Iterator[QueuedPod]:
        """Yield the pods that one of these plugins rejected. The caller may remove them meanwhile."""
        seen: set[str] = set()
        for key in matches:
            for queued in list(self._rejected.get(key, {}).values()):
                if queued.uid not in seen:
                    seen.add(queued.uid)
                    yield queued

    def take_expired(self, now: float) -> Iterator[QueuedPod]:
        """Remove and return the pods whose time is over."""
        while self._waiting:
            deadline, queued = next(iter(self._waiting.values()))
            if deadline > now:
                return
            self.remove(queued.uid)
            yield queued

    def get_deadline(self) -> float | None:
        """Return when the time of the next pod is over."""
        return next(iter(self._waiting.values()))[0] if self._waiting else None


def count_rejections(queued: QueuedPod, sign: int) -> None:
    """Keep scheduler_unschedulable_pods: a pod counts for each plugin until it is tried again."""
    for plugin in queued.rejected_by:
        metrics.change_unschedulable(plugin, queued.pod.spec.scheduler_name, sign)
