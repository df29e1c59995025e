"""How long a job waits before it replaces failed pods (backoff_utils.go)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.api.core import ContainerStatus, Pod
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.controller_manager.job.tracked_pods import get_failures
from kprov.kube.machinery import timestamps

FIRST_SECONDS: Final = 10.0
LONGEST_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures since the last success, and the Unix time of the last one."""

    failures: int = 0
    last_failure: float = 0.0

    def count_ended(self, succeeded: Sequence[Pod], failed: Sequence[Pod]) -> "Backoff":
        """Return the state after these pods have ended too. A success forgets the failures before it."""
        times = sorted(map(get_finish_time, failed))
        if not succeeded:
            return Backoff(self.failures + len(times), times[-1]) if times else self
        success = max(map(get_finish_time, succeeded))
        later = [time for time in times if time > success]
        return Backoff(len(later), later[-1]) if later else Backoff()

    def compute_wait(self, now: float) -> float:
        """Seconds until a pod may be created, 0 if it may be now."""
        if self.failures == 0:
            return 0.0
        delay = min(FIRST_SECONDS * 2.0 ** min(self.failures - 1, 30), LONGEST_SECONDS)
        return max(0.0, delay - (now - self.last_failure))


def compute_index_wait(last_failed: Pod | None, now: float) -> float:
    """Return the same for one index, whose last pod counts the failures in its annotations."""
    if last_failed is None:
        return 0.0
    return Backoff(sum(get_failures(last_failed)) + 1, get_finish_time(last_failed)).compute_wait(now)


def get_finish_time(pod: Pod) -> float:
    """Return the Unix time of a pod's end: of its containers, of its condition Ready, of its deletion."""
    if (end := _get_containers_finish(pod)) is not None:
        return end
    ready = pod_conditions.find_condition(pod, "Ready")
    if ready is not None and ready.status == "False" and ready.last_transition_time:
        return timestamps.seconds(ready.last_transition_time)
    if pod.metadata.deletion_timestamp:
        grace = pod.metadata.deletion_grace_period_seconds or 0
        return timestamps.seconds(pod.metadata.deletion_timestamp) - grace
    return timestamps.seconds(pod.metadata.creation_timestamp) if pod.metadata.creation_timestamp else 0.0


def _get_containers_finish(pod: Pod) -> float | None:
    """When the last container ended, also sidecars. None if one has not."""
    sidecars = {
        init_container.name
        for init_container in pod.spec.init_containers
        if init_container.restart_policy == "Always"
    }
    statuses: Iterable[ContainerStatus] = (
        *pod.status.container_statuses,
        *(status for status in pod.status.init_container_statuses if status.name in sidecars),
    )
    ends = [status.state.terminated.finished_at if status.state.terminated else None for status in statuses]
    times = [timestamps.seconds(end) for end in ends if end]
    return max(times) if times and len(times) == len(ends) else None
