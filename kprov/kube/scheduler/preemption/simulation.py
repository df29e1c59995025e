"""One node without some of its pods: whether the pod of a cycle fits there."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self

from kprov.kube.scheduler.framework.plugin import CycleState, Plugin
from kprov.kube.scheduler.framework.runtime.filters import accepts_node, list_reasons
from kprov.kube.scheduler.framework.runtime.nominated_pods import list_rivals
from kprov.kube.scheduler.state.demands import Demand
from kprov.kube.scheduler.state.pod_info import PodInfo


class Simulation(Protocol):
    """At the end of the context the state is as before."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def remove(self, info: PodInfo) -> None:
        """Remove a pod from the node."""

    def restore_if_fits(self, info: PodInfo) -> bool:
        """Bring a pod back, unless the pod of the cycle does not fit beside it. Return whether it is back."""

    def list_reasons(self) -> list[str]:
        """Return why the pod of the cycle does not fit, [] if it fits."""


class StateSimulation:
    """Changes the state of the cluster and runs filters on it."""

    def __init__(self, cycle: CycleState, slot: int, plugins: Sequence[Plugin]) -> None:
        node = cycle.state.nodes[slot]
        assert node is not None
        self._cycle = cycle
        self._slot = slot
        self._plugins = plugins
        self._node = node.metadata.name
        self._removed: dict[str, PodInfo] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for info in list(self._removed.values()):
            self._restore(info)

    def remove(self, info: PodInfo) -> None:
        self._cycle.state.remove_pod(info.pod.metadata.uid)
        self._removed[info.pod.metadata.uid] = info

    def restore_if_fits(self, info: PodInfo) -> bool:
        self._restore(info)
        if accepts_node(self._plugins, self._cycle, self._slot):
            return True
        self.remove(info)
        return False

    def list_reasons(self) -> list[str]:
        return list_reasons(self._plugins, self._cycle, self._slot)

    def _restore(self, info: PodInfo) -> None:
        del self._removed[info.pod.metadata.uid]
        self._cycle.state.add_pod(info, self._node)


class RequestSimulation:
    """Adds and subtracts requests, for a pod for which nothing else of the node's pods matters."""

    def __init__(self, cycle: CycleState, slot: int, demands: Sequence[Demand]) -> None:
        node = cycle.state.nodes[slot]
        assert node is not None
        self._demands = demands
        #: What the node has beyond each demand.
        self._spare = [demand.get_free(cycle.state, slot) - demand.amount for demand in demands]
        name = node.metadata.name
        for rival, _ in list_rivals(cycle, (name,)) if name in cycle.nominator.list_nodes() else ():
            self._change(rival, -1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: the state was not changed."""

    def remove(self, info: PodInfo) -> None:
        self._change(info, 1)

    def restore_if_fits(self, info: PodInfo) -> bool:
        self._change(info, -1)
        if min(self._spare, default=0) >= 0:
            return True
        self._change(info, 1)
        return False

    def list_reasons(self) -> list[str]:
        return [demand.reason for demand, spare in zip(self._demands, self._spare, strict=True) if spare < 0]

    def _change(self, info: PodInfo, sign: int) -> None:
        self._spare = [
            spare + sign * demand.get_request(info)
            for spare, demand in zip(self._spare, self._demands, strict=True)
        ]
