"""The pod conditions that the kubelet owns (pkg/kubelet/status/generate.go)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from kprov.kube.kubelet.cri.pod_state import PodState
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.kubelet.runtime import pod_actions

Condition = dict[str, Any]
OWNED: Final = frozenset(
    {"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"}
)


def make(
    pod: Pod, state: PodState, statuses: Mapping[str, dict[str, Any]], phase: str, others: Sequence[Condition]
) -> list[Condition]:
    """All owned conditions, without times. ``others``: those of readiness gates."""
    containers = _containers_ready(pod, statuses, phase)
    result = [
        _condition("PodReadyToStartContainers", not pod_actions.sandbox_changed(pod, state)[0]),
        _initialized(pod, statuses, phase),
        _ready(pod, containers, others),
        containers,
        _condition("PodScheduled", True),
    ]
    generation = pod["metadata"].get("generation")
    if generation:
        for condition in result:
            condition["observedGeneration"] = generation
    return result


def _condition(kind: str, good: bool, reason: str = "", message: str = "") -> Condition:
    condition: Condition = {"type": kind, "status": "True" if good else "False"}
    return condition | ({"reason": reason} if reason else {}) | ({"message": message} if message else {})


def _listed(names: Sequence[str]) -> str:
    """As Go prints a slice of strings."""
    return f"[{' '.join(names)}]"


def _containers_ready(pod: Pod, statuses: Mapping[str, dict[str, Any]], phase: str) -> Condition:
    kind = "ContainersReady"
    wanted = [item["name"] for item in pod_queries.init_containers(pod) if pod_queries.is_sidecar(item)]
    wanted += [item["name"] for item in pod_queries.app_containers(pod)]
    unknown = [name for name in wanted if name not in statuses]
    unready = [name for name in wanted if name in statuses and not statuses[name].get("ready")]
    if phase == "Succeeded" and not unknown:
        return _condition(kind, False, "PodCompleted")
    if phase == "Failed":
        return _condition(kind, False, "PodFailed")
    messages = []
    if unknown:
        messages.append(f"containers with unknown status: {_listed(unknown)}")
    if unready:
        messages.append(f"containers with unready status: {_listed(unready)}")
    if messages:
        return _condition(kind, False, "ContainersNotReady", ", ".join(messages))
    return _condition(kind, True)


def _ready(pod: Pod, containers: Condition, others: Sequence[Condition]) -> Condition:
    if containers["status"] != "True":
        return {**containers, "type": "Ready"}
    messages = []
    for gate in pod["spec"].get("readinessGates") or []:
        kind = gate["conditionType"]
        found = next((item for item in others if item["type"] == kind), None)
        if found is None:
            messages.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found["status"] != "True":
            messages.append(f'the status of pod readiness gate "{kind}" is not "True", but {found["status"]}')
    if messages:
        return _condition("Ready", False, "ReadinessGatesNotReady", ", ".join(messages))
    return _condition("Ready", True)


def _initialized(pod: Pod, statuses: Mapping[str, dict[str, Any]], phase: str) -> Condition:
    kind = "Initialized"
    unknown, incomplete = [], []
    for container in pod_queries.init_containers(pod):
        status = statuses.get(container["name"])
        if status is None:
            unknown.append(container["name"])
        elif not status.get("started" if pod_queries.is_sidecar(container) else "ready"):
            incomplete.append(container["name"])
    if phase == "Succeeded" and not unknown:
        return _condition(kind, True, "PodCompleted")
    for container in pod_queries.app_containers(pod):
        status = statuses.get(container["name"]) or {}
        state, last = status.get("state") or {}, status.get("lastState") or {}
        if state.get("running") or state.get("terminated") or last.get("terminated"):
            return _condition(kind, True)
    messages = []
    if unknown:
        messages.append(f"containers with unknown status: {_listed(unknown)}")
    if incomplete:
        messages.append(f"containers with incomplete status: {_listed(incomplete)}")
    if messages:
        return _condition(kind, False, "ContainersNotInitialized", ", ".join(messages))
    return _condition(kind, True)
