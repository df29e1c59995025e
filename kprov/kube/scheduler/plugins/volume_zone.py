"""VolumeZone: a volume with labels of a zone or region is used on nodes with such labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.api.core import PersistentVolume
from kprov.kube.component_helpers import persistent_volumes as rules
from kprov.kube.component_helpers.pod_claims import list_claim_names
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.status import SKIP, Status, reject
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.columns import Mask
from kprov.kube.scheduler.state.pod_info import PodInfo
from kprov.kube.scheduler.volumes.hints import uses_claim, waits_for_consumer
from kprov.kube.scheduler.volumes.listers import VolumeListers

_CONFLICT = "node(s) had no available volume zone"
#: Labels of volumes, and the label of nodes that may stand for it.
_LABELS = {
    "topology.kubernetes.io/zone": "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region": "failure-domain.beta.kubernetes.io/region",
}
_BETA = {beta: label for label, beta in _LABELS.items()}


class VolumeZone(Plugin):
    name = "VolumeZone"

    def __init__(self, listers: VolumeListers) -> None:
        self._listers = listers

    def list_events(self) -> Sequence[EventRegistration]:
        change = Action.ADD | Action.UPDATE
        return (
            EventRegistration(Resource.STORAGE_CLASS, Action.ADD, waits_for_consumer),
            EventRegistration(Resource.NODE, Action.ADD | Action.UPDATE_NODE_LABEL),
            EventRegistration(Resource.PERSISTENT_VOLUME_CLAIM, change, uses_claim),
            EventRegistration(Resource.PERSISTENT_VOLUME, change, _has_other_zones),
        )

    def pre_filter(self, cycle: CycleState) -> Status | None:
        """Find the volumes' labels. VolumeBinding reports claims that do not exist."""
        wanted: list[tuple[str, frozenset[str]]] = []
        for name, _ in list_claim_names(cycle.info.pod):
            claim = self._listers.get_claim(cycle.info.namespace, name)
            if claim is None or not rules.is_fully_bound(claim):
                continue
            volume = self._listers.get_volume(claim.spec["volumeName"])
            if volume is None:
                return reject(f'persistentvolume "{claim.spec["volumeName"]}" not found')
            wanted += _list_zones(volume)
        if not wanted:
            return SKIP
        cycle.data[self.name] = wanted
        return None

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        wanted = cycle.data.get(self.name)
        if isinstance(wanted, list):
            for key, values in wanted:
                yield Rejection(_CONFLICT, _refuse_other_zones(key, values, cycle.state))


def _list_zones(volume: PersistentVolume) -> Iterator[tuple[str, frozenset[str]]]:
    """Return the labels of zones and regions. Volumes that are replicated over zones name all of them."""
    for key, text in volume.metadata.labels.items():
        values = frozenset(value.strip() for value in text.split("__"))
        # Upstream ignores malformed labels.
        if (key in _LABELS or key in _BETA) and "" not in values:
            yield key, values


def _refuse_other_zones(key: str, values: frozenset[str], state: ClusterState) -> Mask:
    """Reject nodes of other zones. As upstream, nodes without labels of zones and regions are accepted."""
    has_zone: Mask = np.zeros(state.capacity, dtype=np.bool_)
    for label in (*_LABELS, *_BETA):
        has_zone |= state.get_label_column(label).ids >= 0
    column = state.get_label_column(key)
    matching = column.match_values(values)
    if key in _BETA:
        # The current label stands for a deprecated one that the node lacks.
        current = state.get_label_column(_BETA[key])
        matching = np.where(column.ids >= 0, matching, current.match_values(values))
    return has_zone & ~matching


def _has_other_zones(_: PodInfo, old: PersistentVolume | None, new: PersistentVolume) -> bool:
    return old is None or _get_zones(old) != _get_zones(new)


def _get_zones(volume: PersistentVolume) -> dict[str, str]:
    return {key: value for key, value in volume.metadata.labels.items() if key in _LABELS or key in _BETA}
