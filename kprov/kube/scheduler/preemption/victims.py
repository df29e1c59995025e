"""The smallest set of pods whose removal lets a pod fit on one node (upstream's SelectVictimsOnNode)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kprov.kube.scheduler.framework.plugin import CycleState, Plugin
from kprov.kube.scheduler.preemption.budgets import Budget, split_by_violation
from kprov.kube.scheduler.preemption.simulation import RequestSimulation, Simulation, StateSimulation
from kprov.kube.scheduler.state.demands import Demand
from kprov.kube.scheduler.state.pod_info import PodInfo

#: Sorts after every start time: a pod that has not started yet starts now.
_NOT_STARTED = "~"


@dataclass(frozen=True, slots=True)
class Victims:
    """`pods`: the most important first. `violations`: how many of them violate a disruption budget."""

    pods: list[PodInfo]
    violations: int = 0


def get_start_time(info: PodInfo) -> str:
    return info.pod.status.start_time or _NOT_STARTED


def sort_by_importance(infos: Sequence[PodInfo]) -> list[PodInfo]:
    """Sort by priority, then by start time: the oldest first."""
    return sorted(infos, key=lambda info: (-info.priority, get_start_time(info)))


def select_victims(
    cycle: CycleState,
    slot: int,
    plugins: Sequence[Plugin],
    budgets: Sequence[Budget],
    demands: Sequence[Demand] | None = None,
) -> Victims | list[str]:
    """Return the victims on a node, or the reasons why the pod does not fit even without all lower pods.

    All lower pods are removed. Then those with which the pod still fits come back, the most important first,
    and pods that violate a budget before the others. The state is as before afterwards.

    `plugins`: those whose filter depends on other pods. `demands`: all that they check, None if they read
    more than requests.
    """
    priority = cycle.info.priority
    lower = [info for info in cycle.state.pods_on[slot].values() if info.priority < priority]
    simulation: Simulation
    if demands is None:
        simulation = StateSimulation(cycle, slot, plugins)
    else:
        simulation = RequestSimulation(cycle, slot, demands)
    with simulation:
        for info in lower:
            simulation.remove(info)
        reasons = simulation.list_reasons()
        if reasons:
            return reasons
        victims: list[PodInfo] = []
        violating, others = split_by_violation(sort_by_importance(lower), budgets)
        violations = 0
        for number, info in enumerate((*violating, *others)):
            if not simulation.restore_if_fits(info):
                victims.append(info)
                violations += number < len(violating)
        return Victims(sort_by_importance(victims), violations)
