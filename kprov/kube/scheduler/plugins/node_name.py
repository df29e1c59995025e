"""NodeName: a pod that names its node goes nowhere else."""

import numpy as np

from kprov.kube.scheduler.framework import ClusterEvent, Cycle, Plugin
from kprov.kube.scheduler.node_table import Bools


class NodeName(Plugin):
    name = "NodeName"
    requeue_on = frozenset({ClusterEvent.NODE_ADD})

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        wanted = cycle.pod.pod.spec.node_name
        if not wanted:
            return []
        others = np.ones(cycle.table.size, dtype=np.bool_)
        row = cycle.table.rows.get(wanted)
        if row is not None:
            others[row] = False
        return [("node(s) didn't match the requested node name", others)]
