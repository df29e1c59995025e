"""The cells of a pod's row, such as kubectl's STATUS, READY and RESTARTS.

Source of the rules: printPod in pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.printers.cells import NONE, since


@dataclass(slots=True)
class _Count:
    """The number of restarts and the time of the last one. RFC 3339 texts in UTC sort by time."""

    restarts: int = 0
    last: str = ""

    def add(self, container: JsonMapping) -> None:
        self.restarts += container.get("restartCount") or 0
        terminated = (container.get("lastState") or {}).get("terminated")
        if terminated:
            self.last = max(self.last, terminated.get("finishedAt") or "")


def pod(obj: JsonMapping, now: float) -> list[Any]:
    """Name, Ready, Status, Restarts, Age, IP, Node, Nominated Node, Readiness Gates."""
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    sidecars = {
        init_container.get("name")
        for init_container in spec.get("initContainers") or ()
        if init_container.get("restartPolicy") == "Always"
    }
    phase = status.get("phase", "")
    conditions = status.get("conditions") or ()
    reason = status.get("reason") or phase
    if any(
        condition.get("reason") == "SchedulingGated"
        for condition in conditions
        if condition["type"] == "PodScheduled"
    ):
        reason = "SchedulingGated"
    count, sidecar_count = _Count(), _Count()
    init_reason, ready = _init_containers(spec, status, sidecars, count, sidecar_count)
    reason = init_reason or reason
    if not init_reason or _is_true(conditions, "Initialized"):
        count = sidecar_count
        reason, running = _containers(status, reason, count, ready_pod=_is_true(conditions, "Ready"))
        ready += running
    if metadata.get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif phase not in {"Succeeded", "Failed"}:
            reason = "Terminating"
    restarts = str(count.restarts)
    if count.restarts and count.last:
        restarts += f" ({since(count.last, now)} ago)"
    addresses = status.get("podIPs") or ()
    return [
        metadata["name"],
        f"{ready}/{len(spec.get('containers') or ()) + len(sidecars)}",
        reason,
        restarts,
        since(metadata.get("creationTimestamp"), now),
        (addresses[0].get("ip") if addresses else "") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _readiness_gates(spec, conditions),
    ]


def _init_containers(
    spec: JsonMapping, status: JsonMapping, sidecars: set[Any], count: _Count, sidecar_count: _Count
) -> tuple[str, int]:
    """Return why initialization waits or "", and ready sidecars, up to the first unfinished container."""
    ready = 0
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        is_sidecar = container.get("name") in sidecars
        count.add(container)
        if is_sidecar:
            sidecar_count.add(container)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated and not terminated.get("exitCode"):
            continue
        if is_sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated:
            return f"Init:{_termination(terminated)}", ready
        if waiting.get("reason") and waiting["reason"] != "PodInitializing":
            return f"Init:{waiting['reason']}", ready
        return f"Init:{index}/{len(spec.get('initContainers') or ())}", ready
    return "", ready


def _containers(status: JsonMapping, reason: str, count: _Count, *, ready_pod: bool) -> tuple[str, int]:
    """(status text, ready containers). The status of the first container that has one counts."""
    ready, failure = 0, ""
    for container in reversed(status.get("containerStatuses") or ()):
        count.add(container)
        state = container.get("state") or {}
        waiting, terminated = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated:
            reason = _termination(terminated)
            if terminated.get("exitCode"):
                failure = reason
        elif container.get("ready") and state.get("running") is not None:
            ready += 1
    if reason == "Completed":
        if ready and ready_pod:
            reason = "Running"
        elif failure:
            reason = failure
        elif ready:
            reason = "NotReady"
    return reason, ready


def _termination(terminated: JsonMapping) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _is_true(conditions: Iterable[JsonMapping], kind: str) -> bool:
    return any(
        condition.get("type") == kind and condition.get("status") == "True" for condition in conditions
    )


def _readiness_gates(spec: JsonMapping, conditions: Iterable[JsonMapping]) -> str:
    gates = spec.get("readinessGates")
    if not gates:
        return NONE
    true = sum(_is_true(conditions, gate.get("conditionType", "")) for gate in gates)
    return f"{true}/{len(gates)}"


def row_conditions(obj: JsonMapping) -> list[dict[str, str]]:
    """Conditions of the row. They mark finished pods, which kubectl may hide."""
    phase = (obj.get("status") or {}).get("phase")
    texts = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}
    if phase not in texts:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": texts[phase]}]
