"""TaintToleration: NoSchedule and NoExecute keep pods away, PreferNoSchedule only counts against a node."""

from collections.abc import Callable

import numpy as np

from kprov.kube.api.core import Taint
from kprov.kube.component_helpers import taints
from kprov.kube.scheduler.framework import ClusterEvent, Cycle, Plugin, normalize
from kprov.kube.scheduler.node_table import Bools, Ints, NodeTable

_HARD = frozenset({taints.NO_SCHEDULE, taints.NO_EXECUTE})


class TaintToleration(Plugin):
    name = "TaintToleration"
    weight = 3
    requeue_on = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_UPDATE})

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        tolerations = cycle.pod.pod.spec.tolerations
        keeps_away = _by_set(
            cycle.table, lambda entries: taints.find_untolerated(entries, tolerations, _HARD) is not None
        )
        return [("node(s) had untolerated taint(s)", keeps_away.astype(np.bool_))]

    def score(self, cycle: Cycle, rows: Ints) -> Ints | None:
        tolerations = [
            entry
            for entry in cycle.pod.pod.spec.tolerations
            if entry.effect in {"", taints.PREFER_NO_SCHEDULE}
        ]
        counts = _by_set(
            cycle.table,
            lambda entries: sum(
                entry.effect == taints.PREFER_NO_SCHEDULE
                and not any(taints.tolerates(toleration, entry) for toleration in tolerations)
                for entry in entries
            ),
        )
        return normalize(counts[rows], reverse=True)


def _by_set(table: NodeTable, test: Callable[[tuple[Taint, ...]], int]) -> Ints:
    """The test's value for every row; nodes with the same taints share one run of it."""
    values = np.fromiter((test(entries) for entries in table.taint_sets), dtype=np.int64)
    return values[table.taint_codes]
