"""NodeDeclaredFeatures: pods that need a feature of the kubelet go to nodes that declare it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.status import SKIP, Status

_MISSING = "node(s) didn't match Pod's required features"
_RESTART_ALL = "RestartAllContainers"


class NodeDeclaredFeatures(Plugin):
    name = "NodeDeclaredFeatures"

    def list_events(self) -> Sequence[EventRegistration]:
        return (EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_DECLARED_FEATURE),)

    def pre_filter(self, cycle: CycleState) -> Status | None:
        features = frozenset(_list_required_features(cycle.info.pod))
        if not features:
            return SKIP
        cycle.data[self.name] = features
        return None

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        features = cycle.data.get(self.name)
        if not isinstance(features, frozenset):
            return
        missing = [
            node is None or not features.issubset(node.status.declared_features) for node in cycle.state.nodes
        ]
        yield Rejection(_MISSING, np.array(missing, dtype=np.bool_))


def _list_required_features(pod: Pod) -> Iterator[str]:
    """Return the names of required features (upstream's component-helpers/nodedeclaredfeatures)."""
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    if any(
        rule.get("action") == _RESTART_ALL
        for container in containers
        for rule in container.restart_policy_rules
    ):
        yield "RestartAllContainersOnContainerExits"
    if pod.spec.host_network and pod.spec.host_users is False:
        yield "UserNamespacesHostNetworkSupport"
