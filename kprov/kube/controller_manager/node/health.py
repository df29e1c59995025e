"""Conditions, taints and eviction rates of nodes. Functions of values (pkg/controller/nodelifecycle)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from kprov.kube.api.core import Node, Taint
from kprov.kube.api.meta import Condition

NOT_READY: Final = "node.kubernetes.io/not-ready"
UNREACHABLE: Final = "node.kubernetes.io/unreachable"
UNSCHEDULABLE: Final = "node.kubernetes.io/unschedulable"
NO_SCHEDULE: Final = "NoSchedule"
NO_EXECUTE: Final = "NoExecute"

# Condition and status > NoSchedule taint
_BY_CONDITION: Final = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
}
_MANAGED: Final = frozenset({*_BY_CONDITION.values(), UNSCHEDULABLE})
_REPORTED: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass
class Probe:
    """When the node last reported, in our monotonic seconds, and the value it reported."""

    at: float
    sign: tuple[Any, ...]


def find_condition(node: Node, kind: str) -> Condition | None:
    return next((entry for entry in node.status.conditions if entry.type == kind), None)


def get_ready_status(node: Node) -> str:
    """True, False or Unknown. Unknown for a node that never reported."""
    ready = find_condition(node, "Ready")
    return ready.status if ready is not None else "Unknown"


def get_last_heartbeat(node: Node, renew_time: str | None) -> tuple[Any, ...]:
    """Changes whenever the kubelet posts a status or renews its lease."""
    ready = find_condition(node, "Ready")
    return (
        node.metadata.uid,
        renew_time,
        None if ready is None else (ready.last_heartbeat_time, ready.status, ready.last_transition_time),
    )


def make_unknown_conditions(node: Node, now: str) -> list[dict[str, Any]]:
    """Conditions to write for a node that stopped reporting. Empty if it has them."""
    result = []
    for kind in _REPORTED:
        known = find_condition(node, kind)
        if known is not None and known.status == "Unknown":
            continue
        if known is None:
            reason, text = "NodeStatusNeverUpdated", "Kubelet never posted node status."
            heartbeat = node.metadata.creation_timestamp or now
        else:
            reason, text = "NodeStatusUnknown", "Kubelet stopped posting node status."
            heartbeat = known.last_heartbeat_time or now
        result.append(
            {
                "type": kind,
                "status": "Unknown",
                "reason": reason,
                "message": text,
                "lastHeartbeatTime": heartbeat,
                "lastTransitionTime": now,
            }
        )
    return result


def make_taints(node: Node, now: str, *, evict: bool) -> list[Taint] | None:
    """All taints the node should have, None when it has them.

    ``evict`` allows to set the NoExecute taint now; without it one that is there stays and none is added.
    """
    ready = get_ready_status(node)
    wanted = {
        (_BY_CONDITION[entry.type, entry.status], NO_SCHEDULE)
        for entry in node.status.conditions
        if (entry.type, entry.status) in _BY_CONDITION
    }
    if find_condition(node, "Ready") is None:
        # The node has just registered. It keeps the taint of admission until it reports.
        wanted.add((NOT_READY, NO_SCHEDULE))
    if node.spec.unschedulable:
        wanted.add((UNSCHEDULABLE, NO_SCHEDULE))
    have = {(taint.key, taint.effect) for taint in node.spec.taints}
    lasting = {"False": NOT_READY, "Unknown": UNREACHABLE}.get(ready)
    has_lasting = bool(have & {(NOT_READY, NO_EXECUTE), (UNREACHABLE, NO_EXECUTE)})
    if lasting is not None and (evict or has_lasting):
        wanted.add((lasting, NO_EXECUTE))
    ours = {(key, effect) for key, effect in have if _is_managed(key, effect)}
    if ours == wanted:
        return None
    kept = [
        taint
        for taint in node.spec.taints
        if (taint.key, taint.effect) in wanted or not _is_managed(taint.key, taint.effect)
    ]
    added = sorted(wanted - ours)
    return kept + [Taint(key=key, effect=effect, time_added=now) for key, effect in added]


def needs_eviction_taint(node: Node) -> bool:
    """Whether the node is not ready and has no NoExecute taint for that."""
    if get_ready_status(node) == "True":
        return False
    return not any(
        taint.effect == NO_EXECUTE and taint.key in {NOT_READY, UNREACHABLE} for taint in node.spec.taints
    )


def _is_managed(key: str, effect: str) -> bool:
    if effect == NO_SCHEDULE:
        return key in _MANAGED
    return effect == NO_EXECUTE and key in {NOT_READY, UNREACHABLE}


def get_eviction_rate(
    nodes: Sequence[Node], *, rate: float, secondary_rate: float, threshold: float, large: int
) -> float:
    """Nodes a second of one zone that may be given the NoExecute taint (ReducedQPSFunc, ComputeZoneState).

    When most of a zone is gone it is more likely that we are cut off than that all its nodes died.
    """
    not_ready = sum(get_ready_status(node) != "True" for node in nodes)
    if not_ready == 0:
        return rate
    if not_ready > 2 and not_ready / len(nodes) >= threshold:
        return secondary_rate if len(nodes) > large else 0.0
    return rate


def are_all_disrupted(zones: Sequence[Sequence[Node]]) -> bool:
    """Whether no node is ready in any zone. Then the network of this controller is broken: evict nothing."""
    return all(get_ready_status(node) != "True" for nodes in zones for node in nodes)
