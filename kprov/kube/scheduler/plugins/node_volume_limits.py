"""NodeVolumeLimits: a node has no more volumes of a CSI driver than the driver can attach there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.component_helpers.pod_claims import list_claim_names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.status import SKIP, Status
from kprov.kube.scheduler.state.columns import Counts, Mask
from kprov.kube.scheduler.state.pod_info import PodInfo, is_placed
from kprov.kube.scheduler.volumes.hints import uses_claim
from kprov.kube.scheduler.volumes.limits import NodeVolumes, list_limits

_EXCEEDED = "node(s) exceed max volume count"


@dataclass(frozen=True, slots=True)
class _NewVolumes:
    volumes: frozenset[tuple[str, str]]


class NodeVolumeLimits(Plugin):
    name = "NodeVolumeLimits"

    def __init__(self, node_volumes: NodeVolumes) -> None:
        self._node_volumes = node_volumes

    def list_events(self) -> Sequence[EventRegistration]:
        return (
            EventRegistration(Resource.CSI_NODE, Action.ADD),
            EventRegistration(Resource.CSI_NODE, Action.UPDATE, _has_larger_limit),
            EventRegistration(Resource.POD, Action.DELETE, _helps_deletion),
            EventRegistration(Resource.PERSISTENT_VOLUME_CLAIM, Action.ADD, uses_claim),
            EventRegistration(Resource.VOLUME_ATTACHMENT, Action.DELETE),
        )

    def pre_filter(self, cycle: CycleState) -> Status | None:
        volumes = frozenset(self._node_volumes.list_volumes(cycle.info.pod))
        if not volumes:
            return SKIP
        cycle.data[self.name] = _NewVolumes(volumes)
        return None

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        state = cycle.state
        # Shared claims make the count of claims too large, so only nodes are checked that may be full.
        claims = state.count("claim-volumes", _count_claims)
        rejected: Mask = np.zeros(state.capacity, dtype=np.bool_)
        for slot in map(int, np.flatnonzero(state.alive)):
            rejected[slot] = self._exceeds(cycle, slot, claims)
        yield Rejection(_EXCEEDED, rejected, True)

    def accepts_node(self, cycle: CycleState, slot: int) -> bool:
        return not self._exceeds(cycle, slot, cycle.state.count("claim-volumes", _count_claims))

    def depends_on_pods(self, cycle: CycleState) -> bool:
        return self.name in cycle.data

    def _exceeds(self, cycle: CycleState, slot: int, claims: Counts) -> bool:
        data = cycle.data.get(self.name)
        node = cycle.state.nodes[slot]
        if node is None or not isinstance(data, _NewVolumes):
            return False
        limits = self._node_volumes.get_limits(node.metadata.name)
        if not limits.keys() & {driver for driver, _ in data.volumes}:
            return False
        attached = set(self._node_volumes.list_attached(node.metadata.name))
        if int(claims[slot]) + len(attached) + len(data.volumes) <= min(limits.values()):
            return False
        in_use: set[tuple[str, str]] = set()
        for info in cycle.state.pods_on[slot].values():
            in_use.update(self._node_volumes.list_volumes(info.pod))
        used = Counter(driver for driver, _ in attached | in_use)
        # A volume that is attached for a pod which is gone counts twice, as upstream: it may be detached.
        added = Counter(driver for driver, _ in data.volumes - in_use)
        return any(used[driver] + added[driver] > limits[driver] for driver in added if driver in limits)


def _helps_deletion(_: PodInfo, old: Pod, _new: None) -> bool:
    """Whether the pod that is gone used volumes."""
    return is_placed(old) and bool(old.spec.volumes)


def _count_claims(info: PodInfo) -> int:
    return sum(1 for _ in list_claim_names(info.pod))


def _has_larger_limit(_: PodInfo, old: JsonObject, new: JsonObject) -> bool:
    before = list_limits(old)
    return any(limit > before.get(driver, 0) for driver, limit in list_limits(new).items())
