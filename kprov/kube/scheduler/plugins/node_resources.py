"""NodeResourcesFit and NodeResourcesBalancedAllocation: requests must fit, and be spread evenly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kprov.kube.scheduler.framework import MAX_SCORE, CycleState, Plugin, Rejection, Scores
from kprov.kube.scheduler.pod_info import CPU, EPHEMERAL, MEMORY, PODS
from kprov.kube.scheduler.state import Mask

_REASONS = (
    (CPU, "Insufficient cpu"),
    (MEMORY, "Insufficient memory"),
    (EPHEMERAL, "Insufficient ephemeral-storage"),
)


class NodeResourcesFit(Plugin):
    """Filters by requests; scores LeastAllocated over CPU and memory."""

    name = "NodeResourcesFit"
    requeue_on = frozenset({"node", "pod"})

    reports_all_reasons = True
    uses_requests_only = True

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        """A request that is larger than the node cannot be resolved by preemption."""
        state, wanted = cycle.state, cycle.info.requests
        yield Rejection(
            "Too many pods", state.requested[:, PODS] + wanted[PODS] > state.allocatable[:, PODS], True
        )
        for column, reason in _REASONS:
            if wanted[column]:
                allocatable = state.allocatable[:, column]
                missing = wanted[column] > allocatable - state.requested[:, column]
                yield Rejection(reason, missing, wanted[column] <= allocatable)
        for name, amount in cycle.info.extended.items():
            resource = state.get_extended_resource(name)
            missing = amount > resource.allocatable - resource.requested
            yield Rejection(f"Insufficient {name}", missing, amount <= resource.allocatable)

    def accepts_node(self, cycle: CycleState, slot: int) -> bool:
        state, wanted = cycle.state, cycle.info.requests
        free = state.allocatable[slot] - state.requested[slot]
        if free[PODS] < wanted[PODS] or any(0 < wanted[column] > free[column] for column, _ in _REASONS):
            return False
        for name, amount in cycle.info.extended.items():
            resource = state.get_extended_resource(name)
            if amount > resource.allocatable[slot] - resource.requested[slot]:
                return False
        return True

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
