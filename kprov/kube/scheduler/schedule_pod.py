"""Picks the node of a pod: filter, score, select (schedule_one.go). Functions from values to values."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

import numpy as np

from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.diagnosis import Diagnosis
from kprov.kube.scheduler.filtering import find_feasible_nodes
from kprov.kube.scheduler.framework import CycleState, FilterResult, Profile, run_scores
from kprov.kube.scheduler.nominator import Nominator
from kprov.kube.scheduler.pod_info import PodInfo
from kprov.kube.scheduler.state import ClusterState

#: Of cycles in which the durations of single plugins are measured, as upstream.
_SAMPLED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """``node`` is "" if no node fits. ``filtered`` says why. ``cycle`` has what plugins found out."""

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
    """The node for the pod. One of the best nodes is chosen at random, so that equal nodes fill evenly."""
    nominator = Nominator() if nominator is None else nominator
    start = time.perf_counter()
    is_sampled = rng.random() < _SAMPLED_SHARE
    cycle = CycleState(info, state, nominator=nominator, profile=profile, is_sampled=is_sampled)
    filtered = find_feasible_nodes(cycle)
    slots = np.flatnonzero(filtered.feasible)
    if not slots.size:
        return ScheduleResult("", cycle, filtered)
    if slots.size > 1:
        scoring = time.perf_counter()
        scores = run_scores(cycle, filtered.feasible)[slots]
        metrics.record_extension_point("Score", "Success", profile.name, time.perf_counter() - scoring)
        slots = slots[scores == scores.max()]
    node = state.nodes[int(slots[rng.randrange(slots.size)])]
    assert node is not None
    metrics.record_algorithm(time.perf_counter() - start)
    return ScheduleResult(node.metadata.name, cycle, filtered)
