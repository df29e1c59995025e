"""NodePorts: a host port is free on the node, on that address or on all."""

import numpy as np

from kprov.kube.scheduler.framework import ClusterEvent, Cycle, Plugin
from kprov.kube.scheduler.node_table import Bools

_ANY = "0.0.0.0"


class NodePorts(Plugin):
    name = "NodePorts"
    requeue_on = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.ASSIGNED_POD_DELETE})

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        taken = np.zeros(cycle.table.size, dtype=np.bool_)
        for port in cycle.pod.host_ports:
            for row, addresses in cycle.table.ports.get((port.protocol, port.port), {}).items():
                if port.ip == _ANY or any(address in {_ANY, port.ip} for address in addresses):
                    taken[row] = True
        return [("node(s) didn't have free ports for the requested pod ports", taken)]
