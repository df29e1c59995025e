"""NodePorts: a host port is one pod's only; 0.0.0.0 stands for every address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.status import SKIP, Status
from kprov.kube.scheduler.state.pod_info import PodInfo, is_placed, list_host_ports

Ports = frozenset[tuple[str, str, int]]


class NodePorts(Plugin):
    name = "NodePorts"

    def list_events(self) -> Sequence[EventRegistration]:
        return (
            EventRegistration(Resource.POD, Action.DELETE, _helps_deletion),
            EventRegistration(Resource.NODE, Action.ADD),
        )

    def pre_filter(self, cycle: CycleState) -> Status | None:
        return None if cycle.info.host_ports else SKIP

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        wanted = cycle.info.host_ports
        if wanted:

            def count_conflict(info: PodInfo) -> int:
                return int(has_port_conflict(wanted, info.host_ports))

            counts = cycle.state.count(("host-ports", wanted), count_conflict)
            yield Rejection(
                "node(s) didn't have free ports for the requested pod ports", np.asarray(counts > 0), True
            )

    def accepts_node(self, cycle: CycleState, slot: int) -> bool:
        wanted = cycle.info.host_ports
        return not wanted or not any(
            has_port_conflict(wanted, info.host_ports) for info in cycle.state.pods_on[slot].values()
        )

    def depends_on_pods(self, cycle: CycleState) -> bool:
        return bool(cycle.info.host_ports)


def has_port_conflict(wanted: Ports, taken: Ports) -> bool:
    """Whether two pods want the same port of the same protocol at an address they share."""
    return any(
        protocol == other and port == used and (ip == at or "0.0.0.0" in (ip, at))
        for protocol, ip, port in wanted
        for other, at, used in taken
    )


def _helps_deletion(info: PodInfo, old: Pod, _: None) -> bool:
    return is_placed(old) and has_port_conflict(info.host_ports, list_host_ports(old))
