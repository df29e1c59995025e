"""NodePorts: a host port is one pod's only; 0.0.0.0 stands for every address."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from kprov.kube.scheduler.framework import CycleState, Plugin
from kprov.kube.scheduler.pod_info import PodInfo
from kprov.kube.scheduler.state import Mask

Ports = frozenset[tuple[str, str, int]]


class NodePorts(Plugin):
    name = "NodePorts"
    requeue_on = frozenset({"node", "pod"})

    def filter(self, cycle: CycleState) -> Iterator[tuple[str, Mask]]:
        wanted = cycle.info.host_ports
        if wanted:

            def count_conflict(info: PodInfo) -> int:
                return int(has_port_conflict(wanted, info.host_ports))

            counts = cycle.state.count(("host-ports", wanted), count_conflict)
            yield "node(s) didn't have free ports for the requested pod ports", np.asarray(counts > 0)


def has_port_conflict(wanted: Ports, taken: Ports) -> bool:
    """Whether two pods want the same port of the same protocol at an address they share."""
    return any(
        protocol == other and port == used and (ip == at or "0.0.0.0" in (ip, at))
        for protocol, ip, port in wanted
        for other, at, used in taken
    )
