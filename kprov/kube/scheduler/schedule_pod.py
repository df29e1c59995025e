"""Picks the node of a pod: filter, score, select (schedule_one.go). Functions from values to values."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from kprov.kube.scheduler.diagnosis import Diagnosis
from kprov.kube.scheduler.framework import CycleState, Plugin, run_filters, run_scores
from kprov.kube.scheduler.pod_info import PodInfo
from kprov.kube.scheduler.state import ClusterState


@dataclass(frozen=True, slots=True)
class ScheduleResult:
    """``node`` is "" if no node fits. ``diagnosis`` says why. ``cycle`` has what plugins found out."""

    node: str
    feasible: int
    diagnosis: Diagnosis
    cycle: CycleState


def schedule_pod(
    info: PodInfo, state: ClusterState, plugins: list[Plugin], rng: random.Random
) -> ScheduleResult:
    """The node for the pod. One of the best nodes is chosen at random, so that equal nodes fill evenly."""
    cycle = CycleState(info, state)
    feasible, diagnosis = run_filters(plugins, cycle)
    slots = np.flatnonzero(feasible)
    if not slots.size:
        return ScheduleResult("", 0, diagnosis, cycle)
    if slots.size > 1:
        scores = run_scores(plugins, cycle, feasible)[slots]
        slots = slots[scores == scores.max()]
    node = state.nodes[int(slots[rng.randrange(slots.size)])]
    assert node is not None
    return ScheduleResult(node.metadata.name, int(feasible.sum()), diagnosis, cycle)
