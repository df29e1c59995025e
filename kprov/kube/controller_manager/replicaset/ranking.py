"""Ranks pods for deletion when there are too many (ActivePodsWithRanks)."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from kprov.kube.api.core import Pod
from kprov.kube.component_helpers import pod_conditions
from kprov.kube.component_helpers.restarts import count_most_restarts
from kprov.kube.machinery import timestamps

DELETION_COST: Final = "controller.kubernetes.io/pod-deletion-cost"
_PHASE: Final = {"Pending": 0, "Unknown": 1, "Running": 2}
_NEVER: Final = math.inf


def rank_pods_to_delete(pods: Sequence[Pod], related: Iterable[Pod], count: int, now: float) -> list[Pod]:
    """Return the `count` pods whose loss hurts least; `related` are the active pods of the same workload.

    `now` is Unix time: ages are compared by their magnitude, so that equally old pods go at random.
    """
    on_node = Counter(pod.spec.node_name for pod in related if pod_conditions.is_active(pod))
    return sorted(pods, key=lambda pod: _rank(pod, on_node[pod.spec.node_name], now))[:count]


def _rank(pod: Pod, doubled: int, now: float) -> tuple[Any, ...]:
    ready = pod_conditions.is_ready(pod)
    restarts, sidecar_restarts = count_most_restarts(pod)
    return (
        bool(pod.spec.node_name),
        _PHASE.get(pod.status.phase, 0),
        ready,
        _get_deletion_cost(pod),
        -doubled,
        _compute_magnitude(_get_ready_time(pod), now) if ready else 0,
        -restarts,
        -sidecar_restarts,
        _compute_magnitude(pod.metadata.creation_timestamp, now),
        pod.metadata.uid,
    )


def _get_deletion_cost(pod: Pod) -> int:
    try:
        return int(pod.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def _get_ready_time(pod: Pod) -> str | None:
    ready = pod_conditions.find_condition(pod, "Ready")
    return ready.last_transition_time if ready else None


def _compute_magnitude(when: str | None, now: float) -> float:
    """log2 of the age. Pods with the smallest value are deleted first, an unknown age is smallest."""
    if not when:
        return -_NEVER
    age = now - timestamps.seconds(when)
    return -1.0 if age <= 0 else float(int(math.log2(age))) if age >= 1 else 0.0
