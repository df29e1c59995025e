"""NodeUnschedulable: cordoned nodes take only pods that tolerate node.kubernetes.io/unschedulable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kprov.kube.api.core import Node, Pod, Taint
from kprov.kube.component_helpers.taints import tolerates
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.state.pod_info import PodInfo

_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


class NodeUnschedulable(Plugin):
    name = "NodeUnschedulable"

    def list_events(self) -> Sequence[EventRegistration]:
        return (
            EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_TAINT, _helps_node),
            EventRegistration(Resource.POD, Action.UPDATE_POD_TOLERATION, _helps_toleration),
        )

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        if not _tolerates_cordon(cycle.info.pod):
            yield Rejection("node(s) were unschedulable", cycle.state.unschedulable)


def _tolerates_cordon(pod: Pod) -> bool:
    return any(tolerates(toleration, _TAINT) for toleration in pod.spec.tolerations)


def _helps_node(_: PodInfo, old: Node | None, new: Node) -> bool:
    return not new.spec.unschedulable and (old is None or old.spec.unschedulable)


def _helps_toleration(info: PodInfo, _: Pod, new: Pod) -> bool:
    return new.metadata.uid == info.pod.metadata.uid and _tolerates_cordon(new)
