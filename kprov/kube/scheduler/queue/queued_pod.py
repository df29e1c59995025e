"""A pod of the scheduling queue, and how long it waits after a failure."""

from __future__ import annotations

from dataclasses import dataclass

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.queue.hints import NO_PLUGIN, PluginKey
from kprov.kube.scheduler.state.pod_info import PodInfo, build_pod_info


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds that a pod waits after its first failure, and at most."""

    initial: float = 1.0
    maximum: float = 10.0

    def get_seconds(self, failures: int) -> float:
        """Return the backoff, which doubles with each failure: 1, 2, 4, 8, 10. It is 0 without a failure."""
        return min(self.maximum, self.initial * 2.0 ** (failures - 1)) if failures else 0.0


DEFAULT_BACKOFF = Backoff()


@dataclass(slots=True)
class QueuedPod:
    """A pod of the queue, with what its attempts left.

    `added`: when it came into the queue. `timestamp`: when it came back from its last attempt.
    `rejected_by`: the plugins that rejected it last. `pending`: those of them that wait for an event of
    their own. `blocked`: whether work of PostFilter is under way, such as a preemption. `woken`: whether
    an event came during that work.
    """

    pod: Pod
    added: float
    timestamp: float
    attempts: int = 0
    unschedulable_count: int = 0
    #: Errors since the last attempt that was none.
    error_count: int = 0
    rejected_by: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    gated: bool = False
    blocked: bool = False
    woken: bool = False
    #: Whether the last attempt came without an event, after UNSCHEDULABLE_SECONDS.
    flushed: bool = False
    #: Number of its entry in a heap, which makes older entries void.
    entry: int = -1
    _info: PodInfo | None = None

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid

    @property
    def priority(self) -> int:
        return self.pod.spec.priority or 0

    @property
    def failures(self) -> int:
        """Return the number of failures that the backoff counts."""
        return self.error_count or self.unschedulable_count

    @property
    def keys(self) -> list[PluginKey]:
        """Return the plugins that rejected the pod."""
        profile = self.pod.spec.scheduler_name
        return [(profile, plugin) for plugin in self.rejected_by] or [NO_PLUGIN]

    @property
    def info(self) -> PodInfo:
        """Return the PodInfo, which is computed once for all attempts and hints."""
        if self._info is None:
            self._info = build_pod_info(self.pod)
        return self._info

    def set_pod(self, pod: Pod) -> None:
        """Replace the pod. The info is kept if only other fields changed, such as the status."""
        if self._info is not None:
            if _get_relevant_fields(self.pod) == _get_relevant_fields(pod):
                self._info.pod = pod
            else:
                self._info = None
        self.pod = pod


def _get_relevant_fields(pod: Pod) -> object:
    """Return the fields on which a PodInfo depends."""
    return pod.spec, pod.metadata.labels, pod.metadata.namespace
