"""Picks the node of a pod: filter, score, select (schedule_one.go). Functions from values to values."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace

import numpy as np

from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.extenders.extenders import Extenders
from kprov.kube.scheduler.framework.diagnosis import Diagnosis
from kprov.kube.scheduler.framework.plugin import CycleState, FilterResult, Profile
from kprov.kube.scheduler.framework.runtime.filters import find_feasible_nodes
from kprov.kube.scheduler.framework.runtime.scores import run_scores
from kprov.kube.scheduler.framework.scores import Scores
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.nominator import Nominator
from kprov.kube.scheduler.state.pod_info import PodInfo

#: Of cycles in which the durations of single plugins are measured, as upstream.
_SAMPLED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """The decision for a pod. `node` is "" if no node fits, and `filtered` says why.

    `cycle` has the data that plugins keep for later extension points.
    """

    node: str
    cycle: CycleState
    filtered: FilterResult

    @property
    def diagnosis(self) -> Diagnosis:
        return self.filtered.diagnosis


def schedule_pod(
    info: PodInfo,
    state: ClusterState,
    profile: Profile,
    rng: random.Random,
    nominator: Nominator | None = None,
) -> ScheduleResult:
    """Choose the node for the pod: one of the best nodes at random, so that equal nodes fill evenly."""
    start = time.perf_counter()
    cycle = _start_cycle(info, state, profile, rng, nominator)
    filtered = find_feasible_nodes(cycle)
    slots = np.flatnonzero(filtered.feasible)
    if not slots.size:
        return ScheduleResult("", cycle, filtered)
    scores = _run_scores(cycle, filtered.feasible) if slots.size > 1 else None
    metrics.record_algorithm(time.perf_counter() - start)
    return _choose_node(cycle, filtered, scores, rng)


async def schedule_pod_with_extenders(
    extenders: Extenders,
    info: PodInfo,
    state: ClusterState,
    profile: Profile,
    rng: random.Random,
    nominator: Nominator | None = None,
) -> ScheduleResult:
    """Choose the node as `schedule_pod` does.

    Raise ExtenderError if an extender that is not ignorable fails.
    """
    start = time.perf_counter()
    cycle = _start_cycle(info, state, profile, rng, nominator)
    filtered = find_feasible_nodes(cycle)
    if filtered.feasible.any():
        filtered = await extenders.filter(cycle, filtered)
    slots = np.flatnonzero(filtered.feasible)
    if not slots.size:
        return ScheduleResult("", cycle, filtered)
    scores = None
    if slots.size > 1:
        added = await extenders.score(cycle, filtered.feasible)
        # The state may have changed since: nodes may be gone, and there may be more slots.
        filtered = replace(filtered, feasible=_fit_mask(filtered.feasible, state))
        if not filtered.feasible.any():
            return ScheduleResult("", cycle, filtered)
        scores = _run_scores(cycle, filtered.feasible)
        scores[: len(added)] += added
    metrics.record_algorithm(time.perf_counter() - start)
    return _choose_node(cycle, filtered, scores, rng)


def _start_cycle(
    info: PodInfo,
    state: ClusterState,
    profile: Profile,
    rng: random.Random,
    nominator: Nominator | None,
) -> CycleState:
    is_sampled = rng.random() < _SAMPLED_SHARE
    nominator = Nominator() if nominator is None else nominator
    return CycleState(info, state, nominator=nominator, profile=profile, is_sampled=is_sampled)


def _run_scores(cycle: CycleState, feasible: Mask) -> Scores:
    start = time.perf_counter()
    scores = run_scores(cycle, feasible)
    metrics.record_extension_point("Score", "Success", cycle.profile.name, time.perf_counter() - start)
    return scores


def _choose_node(
    cycle: CycleState, filtered: FilterResult, scores: Scores | None, rng: random.Random
) -> ScheduleResult:
    """Choose one of the nodes with the highest score. `scores`: None if only a single node fits."""
    slots = np.flatnonzero(filtered.feasible)
    if scores is not None:
        scores = scores[slots]
        slots = slots[scores == scores.max()]
    node = cycle.state.nodes[int(slots[rng.randrange(slots.size)])]
    assert node is not None
    return ScheduleResult(node.metadata.name, cycle, filtered)


def _fit_mask(mask: Mask, state: ClusterState) -> Mask:
    fitted: Mask = np.zeros(state.capacity, dtype=np.bool_)
    fitted[: len(mask)] = mask
    return fitted & state.alive
