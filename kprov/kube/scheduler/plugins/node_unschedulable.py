"""NodeUnschedulable: cordoned nodes are for pods that tolerate it."""

from kprov.kube.api.core import Taint
from kprov.kube.component_helpers.taints import tolerates
from kprov.kube.scheduler.framework import ClusterEvent, Cycle, Plugin
from kprov.kube.scheduler.node_table import Bools

_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class NodeUnschedulable(Plugin):
    name = "NodeUnschedulable"
    requeue_on = frozenset({ClusterEvent.NODE_ADD, ClusterEvent.NODE_UPDATE})

    def filter(self, cycle: Cycle) -> list[tuple[str, Bools]]:
        if any(tolerates(entry, _TAINT) for entry in cycle.pod.pod.spec.tolerations):
            return []
        return [("node(s) were unschedulable", cycle.table.unschedulable)]
