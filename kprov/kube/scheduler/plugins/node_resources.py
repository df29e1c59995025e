"""NodeResourcesFit and NodeResourcesBalancedAllocation: requests must fit, and be spread evenly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kprov.kube.scheduler.framework import MAX_SCORE, CycleState, Plugin, Scores
from kprov.kube.scheduler.pod_info import CPU, EPHEMERAL, MEMORY, PODS
from kprov.kube.scheduler.state import ClusterState, Mask

_REASONS = (
    (CPU, "Insufficient cpu"),
    (MEMORY, "Insufficient memory"),
    (EPHEMERAL, "Insufficient ephemeral-storage"),
)


class NodeResourcesFit(Plugin):
    """Filters by requests; scores LeastAllocated over CPU and memory."""

    name = "NodeResourcesFit"
    requeue_on = frozenset({"node", "pod"})

    def filter(self, cycle: CycleState) -> Iterator[tuple[str, Mask]]:
        state, asked = cycle.state, cycle.info.requests
        yield "Too many pods", state.requested[:, PODS] + asked[PODS] > state.allocatable[:, PODS]
        for column, reason in _REASONS:
            if asked[column]:
                yield reason, asked[column] > state.allocatable[:, column] - state.requested[:, column]
        for name, amount in cycle.info.extended.items():
            yield f"Insufficient {name}", _find_slots_without(state, name, amount)

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        capacity = cycle.state.allocatable[:, [CPU, MEMORY]].astype(np.float64)
        used = cycle.state.nonzero[:, [CPU, MEMORY]] + cycle.info.nonzero[[CPU, MEMORY]]
        with np.errstate(divide="ignore", invalid="ignore"):
            free = np.where(used > capacity, 0.0, np.floor((capacity - used) * MAX_SCORE / capacity))
        scores: Scores = np.floor(np.nan_to_num(free).mean(axis=1))
        return scores


class NodeResourcesBalancedAllocation(Plugin):
    """Prefers nodes where CPU and memory are used to like shares."""

    name = "NodeResourcesBalancedAllocation"

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        capacity = cycle.state.allocatable[:, [CPU, MEMORY]].astype(np.float64)
        used = cycle.state.requested[:, [CPU, MEMORY]] + cycle.info.requests[[CPU, MEMORY]]
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.minimum(np.nan_to_num(used / capacity), 1.0)
        scores: Scores = np.floor((1.0 - np.abs(shares[:, 0] - shares[:, 1]) / 2) * MAX_SCORE)
        return scores


def _find_slots_without(state: ClusterState, name: str, amount: int) -> Mask:
    """Slots that have less than that left of an extended resource."""
    lacking = np.ones(state.capacity, dtype=np.bool_)
    for slot in np.flatnonzero(state.alive):
        free = state.extended[slot].get(name, 0) - state.sum_extended(int(slot), name)
        lacking[slot] = free < amount
    return lacking
