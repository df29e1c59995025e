"""Questions to a pod's status: ready, available, active, terminal (pkg/api/v1/pod, pkg/controller)."""

from kprov.kube.api.core import Pod
from kprov.kube.api.meta import Condition
from kprov.kube.machinery import timestamps


def find_condition(pod: Pod, kind: str) -> Condition | None:
    for entry in pod.status.conditions:
        if entry.type == kind:
            return entry
    return None


def is_ready(pod: Pod) -> bool:
    """Return whether the Ready condition is True. A deletion timestamp does not matter."""
    ready = find_condition(pod, "Ready")
    return ready is not None and ready.status == "True"


def is_terminal(pod: Pod) -> bool:
    """All containers have terminated and none restarts."""
    return pod.status.phase in {"Succeeded", "Failed"}


def is_active(pod: Pod) -> bool:
    """Neither terminal nor being deleted: what workload controllers count."""
    return not is_terminal(pod) and not pod.metadata.deletion_timestamp


def seconds_until_available(pod: Pod, min_ready_seconds: int, now: float) -> float | None:
    """0 if the pod is available at Unix time `now`, else the remaining seconds. None if it is not ready."""
    ready = find_condition(pod, "Ready")
    if ready is None or ready.status != "True":
        return None
    if min_ready_seconds == 0:
        return 0.0
    if not ready.last_transition_time:
        return None
    return max(0.0, timestamps.seconds(ready.last_transition_time) + min_ready_seconds - now)


def is_available(pod: Pod, min_ready_seconds: int, now: float) -> bool:
    """Ready for at least `min_ready_seconds` at Unix time `now`."""
    return seconds_until_available(pod, min_ready_seconds, now) == 0
