"""Conditions, taints and eviction rates of nodes. Functions of values (pkg/controller/nodelifecycle)."""

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
_OLD_LABELS: Final = {
    "kubernetes.io/os": "beta.kubernetes.io/os",
    "kubernetes.io/arch": "beta.kubernetes.io/arch",
}
_REPORTED: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass
class Probe:
    """When the node last reported, in our monotonic seconds, and the value it reported."""

    at: float
    sign: tuple[Any, ...]


def find_condition(node: Node, kind: str) -> Condition | None:
    return next((entry for entry in node.status.conditions if entry.type == kind), None)


def get_ready_status(node: Node) -> str:
    """Return True, False or Unknown. Unknown for a node that never reported."""
    ready = find_condition(node, "Ready")
    return ready.status if ready is not None else "Unknown"


def get_last_heartbeat(node: Node, renew_time: str | None) -> tuple[Any, ...]:
    """Change whenever the kubelet posts a status or renews its lease."""
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

    `evict` allows to set the NoExecute taint now; without it one that is there stays and none is added.
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


def drop_eviction_taints(node: Node) -> list[Taint] | None:
    """Return the node's taints without those that end pods of a silent node. None: it has none of them."""
    kept = [
        taint
        for taint in node.spec.taints
        if taint.effect != NO_EXECUTE or taint.key not in {NOT_READY, UNREACHABLE}
    ]
    return kept if len(kept) < len(node.spec.taints) else None


def find_wrong_labels(node: Node) -> dict[str, str]:
    """Return the old labels of architecture and system that have to follow the current ones."""
    labels = node.metadata.labels
    return {
        old: labels[current]
        for current, old in _OLD_LABELS.items()
        if current in labels and labels.get(old) != labels[current]
    }
