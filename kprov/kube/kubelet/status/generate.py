"""The whole status of a pod (generateAPIPodStatus)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.pods import pod_queries, resources
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.kubelet.runtime.pod_runtime import Waiting
from kprov.kube.kubelet.status import conditions, containers
from kprov.kube.kubelet.status.phase import phase

Status = dict[str, Any]
# Fills in ready and started: (pod, statuses, old statuses by name).
ReadyUpdate = Callable[[Pod, list[Status], dict[str, Status]], None]


def generate(
    pod: Pod,
    state: PodState,
    *,
    old: Status,
    waiting: Mapping[str, Waiting],
    host_ips: Sequence[str],
    update_ready: ReadyUpdate,
    terminal: bool,
) -> Status:
    """``old``: what this kubelet told last, or the API's. ``terminal``: no container will run again."""
    init = containers.make(
        pod,
        state,
        pod_queries.init_containers(pod),
        old.get("initContainerStatuses") or [],
        waiting,
        init=True,
    )
    apps = containers.make(
        pod, state, pod_queries.app_containers(pod), old.get("containerStatuses") or [], waiting, init=False
    )
    ephemeral = containers.make(
        pod,
        state,
        [item for item in pod_queries.ephemeral_containers(pod) if state.latest(item["name"])],
        old.get("ephemeralContainerStatuses") or [],
        {},
        init=False,
    )
    before = {
        item["name"]: item
        for field in ("initContainerStatuses", "containerStatuses")
        for item in old.get(field) or []
    }
    update_ready(pod, [*init, *apps], before)
    by_name = {item["name"]: item for item in [*init, *apps]}
    ran = any(state.latest(item["name"]) for item in pod_queries.app_containers(pod))
    status: Status = {"phase": phase(pod, by_name, terminal=terminal, initialized=ran)}
    told, api = old.get("phase"), pod_queries.phase_of(pod)
    for final in (told, api):
        # Whoever said that the pod has ended is right for ever.
        if final in {"Failed", "Succeeded"}:
            status["phase"] = final
            break
    if status["phase"] == told:
        known = pod.get("status") or {}
        for field in ("reason", "message"):
            if text := (old.get(field) or known.get(field)):
                status[field] = text
    others = [
        item
        for item in (pod.get("status") or {}).get("conditions") or []
        if item["type"] not in conditions.OWNED
    ]
    status["conditions"] = [*others, *conditions.make(pod, state, by_name, status["phase"], others)]
    _addresses(pod, state, status, old, host_ips)
    status["qosClass"] = (
        old.get("qosClass") or (pod.get("status") or {}).get("qosClass") or resources.qos_class(pod)
    )
    if old.get("startTime"):
        status["startTime"] = old["startTime"]
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    if init:
        status["initContainerStatuses"] = init
    # A pod that was refused before anything of it was made has no containers to tell of.
    refused = status["phase"] == "Failed" and not state.containers and not old.get("containerStatuses")
    if not refused:
        status["containerStatuses"] = apps
    if ephemeral:
        status["ephemeralContainerStatuses"] = ephemeral
    return status


def _addresses(pod: Pod, state: PodState, status: Status, old: Status, host_ips: Sequence[str]) -> None:
    if host_ips:
        status["hostIP"] = host_ips[0]
        status["hostIPs"] = [{"ip": address} for address in host_ips]
    if pod_queries.uses_host_network(pod):
        ips = [item["ip"] for item in old.get("podIPs") or []] or list(host_ips)
    else:
        # A stopped pod keeps the addresses it had.
        ips = state.ips or [item["ip"] for item in old.get("podIPs") or []]
    if ips:
        status["podIP"] = ips[0]
        status["podIPs"] = [{"ip": address} for address in ips]
