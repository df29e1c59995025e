"""The smallest set of pods whose removal lets a pod fit on one node (upstream's SelectVictimsOnNode)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kprov.kube.scheduler.filtering import find_rejecting_plugin, list_reasons
from kprov.kube.scheduler.framework import CycleState, Plugin
from kprov.kube.scheduler.pod_info import PodInfo
from kprov.kube.scheduler.preemption.budgets import Budget, split_by_violation
from kprov.kube.scheduler.state import ClusterState

#: Sorts after every start time: a pod that has not started yet starts now.
_NOT_STARTED = "~"


@dataclass(frozen=True, slots=True)
class Victims:
    """``pods``: the most important first. ``violations``: how many of them violate a disruption budget."""

    pods: list[PodInfo]
    violations: int = 0


def get_start_time(info: PodInfo) -> str:
    return info.pod.status.start_time or _NOT_STARTED


def sort_by_importance(infos: Sequence[PodInfo]) -> list[PodInfo]:
    """By priority, then those that run longer."""
    return sorted(infos, key=lambda info: (-info.priority, get_start_time(info)))


def select_victims(
    cycle: CycleState, slot: int, plugins: Sequence[Plugin], budgets: Sequence[Budget]
) -> Victims | list[str]:
    """The victims on a node, or the reasons why the pod does not fit even without all lower pods.

    ``plugins``: those whose filter depends on other pods. All lower pods are removed in the state, and those
    with which the pod still fits come back, the most important first. Pods that violate a budget come back
    before others. The state is as before afterwards.
    """
    lower = [info for info in cycle.state.pods_on[slot].values() if info.priority < cycle.info.priority]
    simulation = _Simulation(
        cycle.state, slot, only_requests=all(each.uses_requests_only for each in plugins)
    )
    try:
        for info in lower:
            simulation.remove(info)
        rejecting = find_rejecting_plugin(plugins, cycle, slot)
        if rejecting is not None:
            return list_reasons(rejecting, cycle, slot)
        victims: list[PodInfo] = []
        violating, others = split_by_violation(sort_by_importance(lower), budgets)
        violations = 0
        for number, info in enumerate((*violating, *others)):
            simulation.restore(info)
            if find_rejecting_plugin(plugins, cycle, slot) is not None:
                simulation.remove(info)
                victims.append(info)
                violations += number < len(violating)
        return Victims(sort_by_importance(victims), violations)
    finally:
        simulation.restore_all()


class _Simulation:
    """Removes pods from the state for a while.

    ``only_requests``: change nothing but the sums of requests, which is faster. Filters read no more then.
    """

    def __init__(self, state: ClusterState, slot: int, *, only_requests: bool) -> None:
        node = state.nodes[slot]
        assert node is not None
        self._state = state
        self._slot = slot
        self._node = node.metadata.name
        self._only_requests = only_requests
        self._removed: dict[str, PodInfo] = {}

    def remove(self, info: PodInfo) -> None:
        if self._only_requests:
            self._state.change_requests(info, self._slot, -1)
        else:
            self._state.remove_pod(info.pod.metadata.uid)
        self._removed[info.pod.metadata.uid] = info

    def restore(self, info: PodInfo) -> None:
        del self._removed[info.pod.metadata.uid]
        if self._only_requests:
            self._state.change_requests(info, self._slot, 1)
        else:
            self._state.add_pod(info, self._node)

    def restore_all(self) -> None:
        for info in list(self._removed.values()):
            self.restore(info)
