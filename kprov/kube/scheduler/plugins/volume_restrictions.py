"""VolumeRestrictions: a claim with the access mode ReadWriteOncePod is used by one pod only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.component_helpers.pod_claims import list_claim_names
from kprov.kube.scheduler.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework import CycleState, Plugin, Rejection
from kprov.kube.scheduler.pod_info import PodInfo
from kprov.kube.scheduler.status import SKIP, Status
from kprov.kube.scheduler.volumes.hints import uses_claim
from kprov.kube.scheduler.volumes.listers import VolumeListers

_CONFLICT = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by "
    "another pod"
)


class VolumeRestrictions(Plugin):
    name = "VolumeRestrictions"

    def __init__(self, listers: VolumeListers) -> None:
        self._listers = listers

    def list_events(self) -> Sequence[EventRegistration]:
        return (
            EventRegistration(Resource.POD, Action.DELETE, _helps_deletion),
            EventRegistration(Resource.NODE, Action.ADD),
            EventRegistration(Resource.PERSISTENT_VOLUME_CLAIM, Action.ADD, uses_claim),
        )

    def pre_filter(self, cycle: CycleState) -> Status | None:
        """Find the claims that allow one pod. VolumeBinding reports claims that do not exist."""
        claims = set()
        namespace = cycle.info.namespace
        for name, _ in list_claim_names(cycle.info.pod):
            claim = self._listers.get_claim(namespace, name)
            if claim is not None and "ReadWriteOncePod" in (claim.spec.get("accessModes") or ()):
                claims.add(name)
        if not claims:
            return SKIP
        cycle.data[self.name] = frozenset(claims)
        return None

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        names = cycle.data.get(self.name)
        if not isinstance(names, frozenset):
            return
        namespace = cycle.info.namespace

        def count_users(info: PodInfo) -> int:
            if info.namespace != namespace:
                return 0
            return int(any(name in names for name, _ in list_claim_names(info.pod)))

        # The claim can be used once in the whole cluster.
        if cycle.state.count(("claims", namespace, names), count_users).any():
            yield Rejection(_CONFLICT, np.ones(cycle.state.capacity, dtype=np.bool_), True)

    def depends_on_pods(self, cycle: CycleState) -> bool:
        return self.name in cycle.data


def _helps_deletion(info: PodInfo, old: Pod, _: None) -> bool:
    """Whether the pod that is gone used one of the pod's claims."""
    if old.metadata.namespace != info.namespace:
        return False
    names = {name for name, _ in list_claim_names(info.pod)}
    return any(name in names for name, _ in list_claim_names(old))
