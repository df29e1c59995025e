"""The phase of a pod (getPhase)."""

from collections.abc import Mapping
from typing import Any

from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Container, Pod


def _restartable(pod: Pod, container: Container, code: int) -> bool:
    policy = pod_queries.container_restart_policy(pod, container)
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def phase(pod: Pod, statuses: Mapping[str, dict[str, Any]], *, terminal: bool, initialized: bool) -> str:
    """``terminal``: no container will run again. ``initialized``: app containers have run already."""
    pending_init = pending_sidecars = waiting = running = unknown = 0
    stopped = stopped_for_good = succeeded = 0
    for container in pod_queries.init_containers(pod):
        status = statuses.get(container["name"])
        state = (status or {}).get("state") or {}
        if pod_queries.is_sidecar(container):
            if state.get("running"):
                running += 1
                pending_sidecars += not (status or {}).get("started")
            elif state.get("terminated"):
                continue
            elif status is None or "waiting" not in state:
                unknown += 1
                pending_sidecars += status is not None
            elif not (status.get("lastState") or {}).get("terminated"):
                pending_sidecars += 1
                waiting += 1
            continue
        ended = state.get("terminated")
        if ended is None and "waiting" in state:
            ended = ((status or {}).get("lastState") or {}).get("terminated")
        if ended is None or state.get("running"):
            pending_init += 1
        elif ended.get("exitCode") and not _restartable(pod, container, ended["exitCode"]):
            return "Failed"
    for container in pod_queries.app_containers(pod):
        status = statuses.get(container["name"])
        state = (status or {}).get("state") or {}
        ended = state.get("terminated")
        if state.get("running"):
            running += 1
        elif ended:
            stopped += 1
            code = int(ended.get("exitCode") or 0)
            stopped_for_good += not _restartable(pod, container, code)
            succeeded += code == 0
        elif "waiting" in state:
            if ((status or {}).get("lastState") or {}).get("terminated"):
                stopped += 1
            else:
                waiting += 1
        else:
            unknown += 1
    if pending_init or (pending_sidecars and not initialized) or waiting:
        return "Pending"
    if running and not unknown:
        return "Running"
    if not running and stopped and not unknown:
        if not terminal and stopped != stopped_for_good:
            return "Running"
        if terminal and pod_queries.is_static(pod):
            return "Running"
        return "Succeeded" if stopped == succeeded else "Failed"
    return "Pending"
