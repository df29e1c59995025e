"""The nodes on which preemption lets a pod fit, with their victims (upstream's DryRunPreemption)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kprov.kube.scheduler.framework.diagnosis import Diagnosis
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin
from kprov.kube.scheduler.framework.runtime.filters import filter_slots
from kprov.kube.scheduler.preemption.budgets import Budget
from kprov.kube.scheduler.preemption.victims import Victims, select_victims
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.demands import Demand
from kprov.kube.scheduler.state.pod_info import PODS

_NOT_HELPFUL = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node on which the pod fits once the victims are gone."""

    node: str
    victims: Victims


@dataclass(frozen=True, slots=True)
class CandidateLimits:
    """How many candidates suffice: a percentage of the nodes, but at least `absolute`."""

    percentage: int = 10
    absolute: int = 100

    def count(self, nodes: int) -> int:
        return min(nodes, max(nodes * self.percentage // 100, self.absolute))


@dataclass(slots=True)
class _Search:
    """Candidates found so far, and how many nodes were rejected for which reasons."""

    enough: int
    candidates: list[Candidate] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)

    def reject(self, reasons: Iterable[str], count: int = 1) -> None:
        for reason in reasons:
            self.reasons[reason] = self.reasons.get(reason, 0) + count

    @property
    def is_over(self) -> bool:
        """Whether there are enough candidates, one of which violates no budget."""
        return len(self.candidates) >= self.enough and any(
            not candidate.victims.violations for candidate in self.candidates
        )


def find_candidates(
    cycle: CycleState,
    resolvable: Mask,
    budgets: Sequence[Budget],
    limits: CandidateLimits,
    rng: random.Random,
) -> tuple[list[Candidate], Diagnosis]:
    """Return the candidates, those that violate no budget first, and why the other nodes are none.

    `resolvable`: rejected slots where the removal of pods may help. The search starts at a random one of
    them, so that equal nodes are preempted evenly.
    """
    state, plugins = cycle.state, cycle.filters
    potential = resolvable & state.alive
    count = int(np.count_nonzero(potential))
    search = _Search(limits.count(count))
    if state.node_count > count:
        search.reject((_NOT_HELPFUL,), state.node_count - count)
    if count:
        slots = np.flatnonzero(_exclude_hopeless(cycle, plugins, potential, search))
        dependent = [plugin for plugin in plugins if plugin.depends_on_pods(cycle)]
        demands = _list_demands(cycle, dependent)
        for slot in np.roll(slots, -rng.randrange(len(slots))) if slots.size else ():
            _try_node(cycle, int(slot), dependent, budgets, demands, search)
            if search.is_over:
                break
    candidates = sorted(search.candidates, key=lambda candidate: bool(candidate.victims.violations))
    return candidates, Diagnosis(state.node_count, search.reasons, frozenset())


def _exclude_hopeless(cycle: CycleState, plugins: Sequence[Plugin], potential: Mask, search: _Search) -> Mask:
    """Return the slots on which the pod may fit after a preemption, by checks of all nodes at once.

    They have pods of lower priority, and the filters that read only requests accept them as if all of these
    pods were gone. Filters that do not depend on other pods accept them as they are.
    """
    lower = cycle.state.sum_requests_below(cycle.info.priority)
    remaining = potential & (lower[:, PODS] > 0)
    count = int(np.count_nonzero(potential & ~remaining))
    if count:
        search.reject((_NO_VICTIMS,), count)
    by_requests = [plugin for plugin in plugins if plugin.uses_requests_only]
    independent = [plugin for plugin in plugins if not plugin.depends_on_pods(cycle)]
    # Requests of extended resources have no sums by priority: here all pods count as if they requested none.
    # A node that has too little of them is rejected later, when its own pods are checked.
    state = cycle.state.copy_without_requests(lower, cycle.info.extended)
    for filters, cycle_state in ((by_requests, replace(cycle, state=state)), (independent, cycle)):
        result = filter_slots(filters, cycle_state, remaining)
        _copy_reasons(result.diagnosis, search)
        remaining = result.feasible
    return remaining


def _copy_reasons(diagnosis: Diagnosis, search: _Search) -> None:
    for reason, count in diagnosis.reasons.items():
        search.reject((reason,), count)


def _list_demands(cycle: CycleState, plugins: Sequence[Plugin]) -> list[Demand] | None:
    """Return all that the plugins check, None if one of them reads more than requests."""
    if not all(plugin.uses_requests_only for plugin in plugins):
        return None
    return [demand for plugin in plugins for demand in plugin.list_demands(cycle)]


def _try_node(
    cycle: CycleState,
    slot: int,
    plugins: Sequence[Plugin],
    budgets: Sequence[Budget],
    demands: Sequence[Demand] | None,
    search: _Search,
) -> None:
    node = cycle.state.nodes[slot]
    assert node is not None
    name = node.metadata.name
    victims = select_victims(cycle, slot, plugins, budgets, demands)
    if isinstance(victims, list):
        search.reject(victims)
    elif victims.pods:
        search.candidates.append(Candidate(name, victims))
    else:
        search.reject((f'expected at least one victim pod on node "{name}"',))
