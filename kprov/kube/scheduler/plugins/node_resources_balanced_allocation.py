"""NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory fill evenly with this pod."""

import numpy as np

from kprov.kube.component_helpers.pod_resources import CPU, MEMORY
from kprov.kube.scheduler.framework import MAX_SCORE, Cycle, Plugin
from kprov.kube.scheduler.node_table import Ints


class NodeResourcesBalancedAllocation(Plugin):
    name = "NodeResourcesBalancedAllocation"

    def score(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """50 to 100: around 75 when the pod changes nothing, more when it evens the node out."""
        wanted = np.array([cycle.pod.requests.get(CPU, 0), cycle.pod.requests.get(MEMORY, 0)])
        if not wanted.any():
            return None
        have, used = cycle.table.allocatable[rows, :2], cycle.table.requested[rows, :2]
        with_pod, without = _balance(used + wanted, have), _balance(used, have)
        half = MAX_SCORE // 2
        return half + np.trunc((half + with_pod - without) / 2).astype(np.int64)


def _balance(used: Ints, have: Ints) -> Ints:
    """100 minus the spread of the used shares (with two resources half their difference)."""
    known = have > 0
    shares = np.where(known, np.minimum(used / np.maximum(have, 1), 1.0), np.nan)
    spread = np.where(known.all(axis=1), np.abs(shares[:, 0] - shares[:, 1]) / 2, 0.0)
    return ((1 - spread) * MAX_SCORE).astype(np.int64)
