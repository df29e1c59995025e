"""The pod conditions that the kubelet sets (pkg/kubelet/status/generate.go)."""

from collections.abc import Mapping, Sequence
from typing import Final

from kprov.kube.api.core import Pod
from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.runtime.restart_rules import pod_sandbox_changed
from kprov.kube.kubelet.status import resize
from kprov.kube.machinery.json_object import JsonObject

OWNED_TYPES: Final = frozenset(
    {
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
        resize.PENDING,
        "PodResizeInProgress",
    }
)


def generate_conditions(
    pod: Pod,
    state: PodState,
    statuses: Mapping[str, JsonObject],
    phase: str,
    others: Sequence[JsonObject],
) -> list[JsonObject]:
    """All conditions that the kubelet owns, without times. `others`: those of readiness gates."""
    containers = _make_containers_ready(pod, statuses, phase)
    result = [
        _make_condition("PodReadyToStartContainers", not pod_sandbox_changed(pod, state)[0]),
        _make_initialized(pod, statuses, phase),
        _make_ready(pod, containers, others),
        containers,
        _make_condition("PodScheduled", True),
    ]
    if phase == "Running" and (pending := resize.make_condition(pod, statuses)) is not None:
        result.append(pending)
    generation = pod.metadata.generation
    if generation:
        for condition in result:
            condition["observedGeneration"] = generation
    return result


def _make_condition(kind: str, holds: bool, reason: str = "", message: str = "") -> JsonObject:
    condition: JsonObject = {"type": kind, "status": "True" if holds else "False"}
    return condition | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def _render_names(names: Sequence[str]) -> str:
    """Return the names as Go prints a slice of strings."""
    return f"[{' '.join(names)}]"


def _make_containers_ready(pod: Pod, statuses: Mapping[str, JsonObject], phase: str) -> JsonObject:
    kind = "ContainersReady"
    names = [item.name for item in pod.spec.init_containers if pod_queries.is_sidecar(item)]
    names += [item.name for item in pod.spec.containers]
    unknown = [name for name in names if name not in statuses]
    unready = [name for name in names if name in statuses and not statuses[name].get("ready")]
    if phase == "Succeeded" and not unknown:
        return _make_condition(kind, False, "PodCompleted")
    if phase == "Failed":
        return _make_condition(kind, False, "PodFailed")
    messages = []
    if unknown:
        messages.append(f"containers with unknown status: {_render_names(unknown)}")
    if unready:
        messages.append(f"containers with unready status: {_render_names(unready)}")
    if messages:
        return _make_condition(kind, False, "ContainersNotReady", ", ".join(messages))
    return _make_condition(kind, True)


def _make_ready(pod: Pod, containers: JsonObject, others: Sequence[JsonObject]) -> JsonObject:
    if containers["status"] != "True":
        return {**containers, "type": "Ready"}
    messages = []
    for gate in pod.spec.readiness_gates:
        kind = gate.condition_type
        condition = next((item for item in others if item["type"] == kind), None)
        if condition is None:
            messages.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif condition["status"] != "True":
            messages.append(
                f'the status of pod readiness gate "{kind}" is not "True", but {condition["status"]}'
            )
    if messages:
        return _make_condition("Ready", False, "ReadinessGatesNotReady", ", ".join(messages))
    return _make_condition("Ready", True)


def _make_initialized(pod: Pod, statuses: Mapping[str, JsonObject], phase: str) -> JsonObject:
    kind = "Initialized"
    unknown, incomplete = [], []
    for container in pod.spec.init_containers:
        status = statuses.get(container.name)
        if status is None:
            unknown.append(container.name)
        elif not status.get("started" if pod_queries.is_sidecar(container) else "ready"):
            incomplete.append(container.name)
    if phase == "Succeeded" and not unknown:
        return _make_condition(kind, True, "PodCompleted")
    if any(_has_run(statuses.get(container.name) or {}) for container in pod.spec.containers):
        return _make_condition(kind, True)
    messages = []
    if unknown:
        messages.append(f"containers with unknown status: {_render_names(unknown)}")
    if incomplete:
        messages.append(f"containers with incomplete status: {_render_names(incomplete)}")
    if messages:
        return _make_condition(kind, False, "ContainersNotInitialized", ", ".join(messages))
    return _make_condition(kind, True)


def _has_run(status: JsonObject) -> bool:
    state, last = status.get("state") or {}, status.get("lastState") or {}
    return bool(state.get("running") or state.get("terminated") or last.get("terminated"))
