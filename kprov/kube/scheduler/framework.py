"""The scheduling cycle of one pod: filters, scores, a choice, or the reasons why not."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from kprov.kube.api.meta import LabelSelector
from kprov.kube.scheduler.node_table import Bools, Floats, Ints, NodeTable
from kprov.kube.scheduler.pod_info import PodInfo

MAX_SCORE = 100


class ClusterEvent(StrEnum):
    """What happened in the cluster that may let a rejected pod fit."""

    NODE_ADD = "NodeAdd"
    NODE_UPDATE = "NodeUpdate"
    ASSIGNED_POD_ADD = "AssignedPodAdd"
    ASSIGNED_POD_UPDATE = "AssignedPodUpdate"
    ASSIGNED_POD_DELETE = "AssignedPodDelete"


@dataclass(frozen=True)
class Objects:
    """What plugins read besides nodes and pods. `namespace_labels` is empty for one that is not there;
    `default_selector` is what the pod's services and owner select by, None without any.
    """

    namespace_labels: Callable[[str], Mapping[str, str]] = lambda _: {}
    default_selector: Callable[[PodInfo], LabelSelector | None] = lambda _: None


@dataclass
class Cycle:
    """One pod's way through the plugins; `notes` is where a plugin keeps things from filter to score."""

    table: NodeTable
    pod: PodInfo
    objects: Objects = field(default_factory=Objects)
    notes: dict[str, Any] = field(default_factory=dict)


class Plugin:
    """A rule. `name` is upstream's; `requeue_on` are events after which a pod it rejected is tried again."""

    name = ""
    weight = 1
    requeue_on: frozenset[ClusterEvent] = frozenset()

    def pre_filter(self, cycle: Cycle) -> str | None:
        """A reason why no node at all will do."""
        del cycle

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        """(reason, rows it holds for): a row without any passes."""
        del cycle
        return []

    def score(self, cycle: Cycle, rows: Ints) -> Floats | Ints | None:
        """0 to 100 for each of the feasible rows; None: this plugin does not care about this pod."""
        del cycle, rows


@dataclass(frozen=True)
class Unschedulable:
    """Upstream's FitError: `message` is what users see, `rejectors` are the plugins that said no."""

    message: str
    rejectors: frozenset[str]


def schedule(
    cycle: Cycle, plugins: Sequence[Plugin], pick: Callable[[Sequence[str]], str] = random.choice
) -> str | Unschedulable:
    """The name of the node that fits best, or why there is none. Among equals `pick` chooses."""
    table = cycle.table
    total = len(table.rows)
    if total == 0:
        return Unschedulable("no nodes available to schedule pods", frozenset())
    for plugin in plugins:
        reason = plugin.pre_filter(cycle)
        if reason is not None:
            return Unschedulable(f"0/{total} nodes are available: {reason}.", frozenset({plugin.name}))
    feasible, reasons, rejectors = run_filters(cycle, plugins)
    rows = np.flatnonzero(feasible)
    if not len(rows):
        return Unschedulable(_message(total, reasons), frozenset(rejectors))
    if len(rows) == 1:
        return table.names[int(rows[0])]
    scores = run_scores(cycle, plugins, rows)
    best = rows[scores == scores.max()]
    return pick([table.names[int(row)] for row in best])


def run_filters(cycle: Cycle, plugins: Sequence[Plugin]) -> tuple[Bools, Counter[str], set[str]]:
    """Rows that pass, how many nodes were turned away for which reason, and by which plugins.

    As upstream, a node is asked about by one plugin after the other until one says no.
    """
    remaining = cycle.table.exists.copy()
    reasons: Counter[str] = Counter()
    rejectors: set[str] = set()
    for plugin in plugins:
        failed = np.zeros_like(remaining)
        for reason, rows in plugin.filter(cycle):
            hit = rows & remaining
            count = int(hit.sum())
            if count:
                reasons[reason] += count
                failed |= hit
        if failed.any():
            rejectors.add(plugin.name)
            remaining &= ~failed
            if not remaining.any():
                break
    return remaining, reasons, rejectors


def run_scores(cycle: Cycle, plugins: Sequence[Plugin], rows: Ints) -> Ints:
    """The weighted sum for each row."""
    total = np.zeros(len(rows), dtype=np.int64)
    for plugin in plugins:
        scores = plugin.score(cycle, rows)
        if scores is not None:
            total += plugin.weight * scores.astype(np.int64)
    return total


def normalize(scores: Floats | Ints, *, reverse: bool = False) -> Ints:
    """Upstream's DefaultNormalizeScore: the highest becomes 100; reversed, the lowest is best."""
    highest = scores.max() if len(scores) else 0
    if highest == 0:
        return np.full(len(scores), MAX_SCORE if reverse else 0, dtype=np.int64)
    scaled = (MAX_SCORE * scores / highest).astype(np.int64)
    return MAX_SCORE - scaled if reverse else scaled


def _message(total: int, reasons: Mapping[str, int]) -> str:
    told = sorted(f"{count} {reason}" for reason, count in reasons.items())
    return f"0/{total} nodes are available: {', '.join(told)}."
