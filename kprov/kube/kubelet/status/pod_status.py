"""The whole status of a pod (generateAPIPodStatus)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.pods import resources
from kprov.kube.kubelet.runtime.waiting import Waiting
from kprov.kube.kubelet.status.conditions import OWNED_TYPES, generate_conditions
from kprov.kube.kubelet.status.containers import generate_container_statuses
from kprov.kube.kubelet.status.phase import get_phase
from kprov.kube.machinery.json_object import JsonObject

# Sets ready and started: (pod, statuses, old statuses by name).
ReadyUpdate = Callable[[Pod, list[JsonObject], dict[str, JsonObject]], None]


@dataclass(frozen=True, slots=True)
class _ContainerStatuses:
    init: list[JsonObject]
    app: list[JsonObject]
    ephemeral: list[JsonObject]


def generate_pod_status(
    pod: Pod,
    state: PodState,
    *,
    old: JsonObject,
    waiting: Mapping[str, Waiting],
    host_ips: Sequence[str],
    update_ready: ReadyUpdate,
    terminal: bool,
) -> JsonObject:
    """`old`: this kubelet's last status, else the API's. `terminal`: no container will run again."""
    containers = _generate_container_statuses(pod, state, old, waiting)
    before = {
        item["name"]: item
        for field in ("initContainerStatuses", "containerStatuses")
        for item in old.get(field) or []
    }
    update_ready(pod, [*containers.init, *containers.app], before)
    by_name = {item["name"]: item for item in [*containers.init, *containers.app]}
    status: JsonObject = {"phase": _get_final_phase(pod, old)}
    if not status["phase"]:
        initialized = any(state.get_newest(item.name) for item in pod.spec.containers)
        status["phase"] = get_phase(pod, by_name, terminal=terminal, initialized=initialized)
    if status["phase"] == old.get("phase"):
        for field, value in (("reason", pod.status.reason), ("message", pod.status.message)):
            if text := (old.get(field) or value):
                status[field] = text
    others: list[JsonObject] = [
        msgspec.to_builtins(item) for item in pod.status.conditions if item.type not in OWNED_TYPES
    ]
    conditions = generate_conditions(pod, state, by_name, status["phase"], others)
    status["conditions"] = [*others, *conditions]
    _set_addresses(pod, state, status, old, host_ips)
    status["qosClass"] = old.get("qosClass") or pod.status.qos_class or resources.get_qos_class(pod)
    if old.get("startTime"):
        status["startTime"] = old["startTime"]
    if pod.metadata.generation:
        status["observedGeneration"] = pod.metadata.generation
    _set_container_statuses(status, containers, state, old)
    return status


def _generate_container_statuses(
    pod: Pod, state: PodState, old: JsonObject, waiting: Mapping[str, Waiting]
) -> _ContainerStatuses:
    init_before = old.get("initContainerStatuses") or []
    app_before = old.get("containerStatuses") or []
    ephemeral_before = old.get("ephemeralContainerStatuses") or []
    ephemeral = [item for item in pod.spec.ephemeral_containers if state.get_newest(item.name)]
    return _ContainerStatuses(
        generate_container_statuses(pod, state, pod.spec.init_containers, init_before, waiting, init=True),
        generate_container_statuses(pod, state, pod.spec.containers, app_before, waiting, init=False),
        generate_container_statuses(pod, state, ephemeral, ephemeral_before, {}, init=False),
    )


def _get_final_phase(pod: Pod, old: JsonObject) -> str:
    """Return the final phase that the kubelet or another client has set: it never changes. "" without one."""
    for phase in (old.get("phase"), pod.status.phase):
        if phase in {"Failed", "Succeeded"}:
            return str(phase)
    return ""


def _set_container_statuses(
    status: JsonObject, containers: _ContainerStatuses, state: PodState, old: JsonObject
) -> None:
    if containers.init:
        status["initContainerStatuses"] = containers.init
    # A pod that was rejected before it got a container has no container statuses.
    rejected = status["phase"] == "Failed" and not state.containers and not old.get("containerStatuses")
    if not rejected:
        status["containerStatuses"] = containers.app
    if containers.ephemeral:
        status["ephemeralContainerStatuses"] = containers.ephemeral


def _set_addresses(
    pod: Pod, state: PodState, status: JsonObject, old: JsonObject, host_ips: Sequence[str]
) -> None:
    if host_ips:
        status["hostIP"] = host_ips[0]
        status["hostIPs"] = [{"ip": address} for address in host_ips]
    before = [item["ip"] for item in old.get("podIPs") or []]
    # A stopped pod keeps the addresses it had.
    ips = (before or list(host_ips)) if pod.spec.host_network else (state.ips or before)
    if ips:
        status["podIP"] = ips[0]
        status["podIPs"] = [{"ip": address} for address in ips]
