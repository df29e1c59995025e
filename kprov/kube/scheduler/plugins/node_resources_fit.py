"""NodeResourcesFit: what the pod asks for is left on the node; scored by LeastAllocated."""

import numpy as np

from kprov.kube.component_helpers.pod_resources import CPU, MEMORY
from kprov.kube.scheduler.framework import MAX_SCORE, ClusterEvent, Cycle, Plugin
from kprov.kube.scheduler.node_table import Bools, Ints


class NodeResourcesFit(Plugin):
    name = "NodeResourcesFit"
    requeue_on = frozenset(
        {
            ClusterEvent.NODE_ADD,
            ClusterEvent.NODE_UPDATE,
            ClusterEvent.ASSIGNED_POD_DELETE,
            ClusterEvent.ASSIGNED_POD_UPDATE,
        }
    )

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        table = cycle.table
        failed = [("Too many pods", table.pod_count + 1 > table.pod_limit)]
        for name, wanted in cycle.pod.requests.items():
            index = table.resources.get(name)
            if index is None:  # no node has any of it
                short = np.ones(table.size, dtype=np.bool_)
            else:
                short = wanted > table.allocatable[:, index] - table.requested[:, index]
            failed.append((f"Insufficient {name}", short))
        return failed

    def score(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """The mean over cpu and memory of the share that stays free; resources a node has none of don't count."""
        table = cycle.table
        wanted = np.array([cycle.pod.non_zero.get(CPU, 0), cycle.pod.non_zero.get(MEMORY, 0)])
        have = table.allocatable[rows, :2]
        used = table.non_zero[rows] + wanted
        free = np.where((have > 0) & (used <= have), (have - used) * MAX_SCORE // np.maximum(have, 1), 0)
        known = (have > 0).sum(axis=1)
        scores: Ints = np.where(known > 0, free.sum(axis=1) // np.maximum(known, 1), 0)
        return scores
