"""The phase of a pod (getPhase)."""

from collections.abc import Mapping
from dataclasses import dataclass

from kprov.kube.api.core import Container, Pod
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.machinery.json_object import JsonObject


@dataclass(slots=True)
class _Counts:
    """How many containers are in each state. `stopped_for_good`: stopped, will not restart."""

    pending_init: int = 0
    pending_sidecars: int = 0
    failed_init: int = 0
    waiting: int = 0
    running: int = 0
    unknown: int = 0
    stopped: int = 0
    stopped_for_good: int = 0
    succeeded: int = 0


def get_phase(pod: Pod, statuses: Mapping[str, JsonObject], *, terminal: bool, initialized: bool) -> str:
    """`terminal`: no container will run again. `initialized`: app containers have run already."""
    counts = _Counts()
    for container in pod.spec.init_containers:
        status = statuses.get(container.name)
        if pod_queries.is_sidecar(container):
            _count_sidecar(counts, status)
        else:
            _count_init_container(counts, pod, container, status)
    if counts.failed_init:
        return "Failed"
    for container in pod.spec.containers:
        _count_app_container(counts, pod, container, statuses.get(container.name))
    if counts.pending_init or (counts.pending_sidecars and not initialized) or counts.waiting:
        return "Pending"
    if counts.unknown:
        return "Pending"
    if counts.running:
        return "Running"
    return _get_phase_of_stopped(pod, counts, terminal=terminal) if counts.stopped else "Pending"


def _get_phase_of_stopped(pod: Pod, counts: _Counts, *, terminal: bool) -> str:
    if not terminal and counts.stopped != counts.stopped_for_good:
        return "Running"
    if terminal and pod_queries.is_static(pod):
        return "Running"
    return "Succeeded" if counts.stopped == counts.succeeded else "Failed"


def _count_sidecar(counts: _Counts, status: JsonObject | None) -> None:
    state = (status or {}).get("state") or {}
    if state.get("running"):
        counts.running += 1
        counts.pending_sidecars += not (status or {}).get("started")
    elif state.get("terminated"):
        return
    elif status is None or "waiting" not in state:
        counts.unknown += 1
        counts.pending_sidecars += status is not None
    elif not (status.get("lastState") or {}).get("terminated"):
        counts.pending_sidecars += 1
        counts.waiting += 1


def _count_init_container(counts: _Counts, pod: Pod, container: Container, status: JsonObject | None) -> None:
    state = (status or {}).get("state") or {}
    terminated = state.get("terminated")
    if terminated is None and "waiting" in state:
        terminated = ((status or {}).get("lastState") or {}).get("terminated")
    if terminated is None or state.get("running"):
        counts.pending_init += 1
    elif terminated.get("exitCode") and not _will_restart(pod, container, terminated["exitCode"]):
        counts.failed_init += 1


def _count_app_container(counts: _Counts, pod: Pod, container: Container, status: JsonObject | None) -> None:
    state = (status or {}).get("state") or {}
    terminated = state.get("terminated")
    if state.get("running"):
        counts.running += 1
    elif terminated:
        counts.stopped += 1
        code = int(terminated.get("exitCode") or 0)
        counts.stopped_for_good += not _will_restart(pod, container, code)
        counts.succeeded += code == 0
    elif "waiting" not in state:
        counts.unknown += 1
    elif ((status or {}).get("lastState") or {}).get("terminated"):
        counts.stopped += 1
    else:
        counts.waiting += 1


def _will_restart(pod: Pod, container: Container, code: int) -> bool:
    policy = pod_queries.get_restart_policy(pod, container)
    return policy == "Always" or (policy == "OnFailure" and code != 0)
