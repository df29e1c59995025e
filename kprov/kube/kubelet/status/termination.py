"""The last status of a pod: no container of it runs or will run (TerminatePod)."""

from __future__ import annotations

from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.machinery.json_object import JsonObject

_FINAL_PHASES: Final = ("Succeeded", "Failed")
_UNKNOWN: Final = {
    "exitCode": 137,
    "reason": "ContainerStatusUnknown",
    "message": "The container could not be located when the pod was terminated",
}


def terminate_status(pod: Pod, status: JsonObject) -> None:
    """Make the phase final, and the states of containers that should have run.

    Controllers wait for the final phase: a job, for example, counts the pod and removes its finalizer.
    """
    init = status.get("initContainerStatuses") or []
    if _is_initialized(pod, init, status.get("containerStatuses") or []):
        _terminate_containers(status.get("containerStatuses") or [])
    _terminate_containers(_drop_waiting_end(init))
    if status["phase"] not in _FINAL_PHASES and not pod_queries.is_static(pod):
        status["phase"] = "Failed"


def _is_initialized(pod: Pod, init: list[JsonObject], app: list[JsonObject]) -> bool:
    """Whether init containers are done, so that the others should have run."""
    if not pod.spec.init_containers:
        return True
    if any(_has_ended_before(item) or "waiting" not in item["state"] for item in app):
        return True
    last = pod.spec.init_containers[-1]
    container_status = next((item for item in init if item["name"] == last.name), None)
    if container_status is None:
        return False
    if pod_queries.is_sidecar(last):
        return bool("running" in container_status["state"] and container_status.get("started"))
    ends = [(container_status.get(field) or {}).get("terminated") for field in ("state", "lastState")]
    return any(end is not None and not end.get("exitCode") for end in ends)


def _drop_waiting_end(init: list[JsonObject]) -> list[JsonObject]:
    """Return the init containers that were tried: without those at the end that wait, at least the first."""
    tried = [
        index for index, item in enumerate(init) if _has_ended_before(item) or "waiting" not in item["state"]
    ]
    return init[: max(tried, default=0) + 1]


def _has_ended_before(status: JsonObject) -> bool:
    return bool((status.get("lastState") or {}).get("terminated"))


def _terminate_containers(statuses: list[JsonObject]) -> None:
    for status in statuses:
        if status["state"].get("terminated"):
            continue
        if _has_ended_before(status):
            # It waited for its next start.
            status["state"], status["lastState"] = status["lastState"], {}
        else:
            status["state"] = {"terminated": dict(_UNKNOWN)}
