"""NodeUnschedulable: cordoned nodes take only pods that tolerate node.kubernetes.io/unschedulable."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.kube.api.core import Taint
from kprov.kube.component_helpers.taints import tolerates
from kprov.kube.scheduler.framework import CycleState, Plugin, Rejection

_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class NodeUnschedulable(Plugin):
    name = "NodeUnschedulable"

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        if not any(tolerates(toleration, _TAINT) for toleration in cycle.info.pod.spec.tolerations):
            yield Rejection("node(s) were unschedulable", cycle.state.unschedulable)
