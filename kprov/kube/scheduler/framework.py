"""Scheduling plugins: they filter and score all nodes at once (upstream's framework)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from kprov.kube.scheduler.diagnosis import Diagnosis
from kprov.kube.scheduler.pod_info import PodInfo
from kprov.kube.scheduler.state import ClusterState, Mask

Scores = NDArray[np.float64]
MAX_SCORE = 100.0


@dataclass(slots=True)
class CycleState:
    """The data of one scheduling cycle."""

    info: PodInfo
    state: ClusterState
    #: What a plugin keeps from one extension point to the next, by its name.
    data: dict[str, object] = field(default_factory=dict)


#: Kinds of change that the plugins distinguish.
CHANGES = frozenset({"node", "pod", "service", "namespace", "pvc", "pv", "storageclass"})


class PluginError(Exception):
    """A step of a plugin failed. The pod is scheduled again; the text is for its event."""


class Plugin:
    """One rule, under upstream's name. Each method is the extension point of that name."""

    name = ""
    #: Factor of the score; upstream's default weights.
    weight = 1
    #: Kinds of change after which a pod that the rule refused may fit: CHANGES has all.
    requeue_on: frozenset[str] = frozenset({"node"})

    def pre_filter(self, cycle: CycleState) -> str:
        """Why the pod fits on no node, "" if filters have to decide."""
        return ""

    def filter(self, cycle: CycleState) -> Iterator[tuple[str, Mask]]:
        """(reason, slots rejected for it). Slots without a node may be among them."""
        return iter(())

    def score(self, cycle: CycleState, feasible: Mask) -> Scores | None:
        """Scores by slot, 0 to MAX_SCORE after normalizing; None when all nodes are alike."""
        return None

    def reserve(self, cycle: CycleState, node: str) -> None:
        """The pod gets this node. Called before the next pod is scheduled."""

    def unreserve(self, cycle: CycleState, node: str) -> None:
        """The pod does not get the node after all, or its binding is in the caches."""

    def needs_pre_bind(self, cycle: CycleState, node: str) -> bool:
        """Whether there is work for ``pre_bind`` (PreBindPreFlight)."""
        return False

    async def pre_bind(self, cycle: CycleState, node: str) -> None:
        """Do what must be done before the pod is bound. May take minutes. Raises PluginError, ClientError."""


def run_filters(plugins: list[Plugin], cycle: CycleState) -> tuple[Mask, Diagnosis]:
    """Slots that every rule accepts. A node counts for the first rule that rejects it."""
    for plugin in plugins:
        message = plugin.pre_filter(cycle)
        if message:
            diagnosis = Diagnosis(cycle.state.node_count, {}, frozenset({plugin.name}), message)
            return np.zeros_like(cycle.state.alive), diagnosis
    feasible = cycle.state.alive.copy()
    reasons: dict[str, int] = {}
    refusing: set[str] = set()
    for plugin in plugins:
        refused_here = np.zeros_like(feasible)
        for reason, refused in plugin.filter(cycle):
            hit = feasible & refused
            count = int(hit.sum())
            if count:
                reasons[reason] = reasons.get(reason, 0) + count
                refusing.add(plugin.name)
                refused_here |= hit
        feasible &= ~refused_here
        if not feasible.any():
            break
    return feasible, Diagnosis(cycle.state.node_count, reasons, frozenset(refusing))


def run_scores(plugins: list[Plugin], cycle: CycleState, feasible: Mask) -> Scores:
    """Weighted sum over all rules, by slot."""
    total = np.zeros(cycle.state.capacity, dtype=np.float64)
    for plugin in plugins:
        scores = plugin.score(cycle, feasible)
        if scores is not None:
            total += plugin.weight * scores
    return total


def normalize_scores(scores: Scores, feasible: Mask, *, reverse: bool = False) -> Scores:
    """Upstream's DefaultNormalizeScore: the largest becomes 100; reversed, the largest becomes 0."""
    largest = scores[feasible].max(initial=0.0)
    if largest == 0:
        return np.full_like(scores, MAX_SCORE if reverse else 0.0)
    scaled: Scores = np.floor(scores * MAX_SCORE / largest)
    return MAX_SCORE - scaled if reverse else scaled
