"""VolumeRestrictions: claims with ReadWriteOncePod have one pod, and disks of a node one pod that writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from kprov.kube.api.core import Pod
from kprov.kube.component_helpers.pod_claims import list_claim_names
from kprov.kube.scheduler.framework.events import Action, EventRegistration, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, Rejection
from kprov.kube.scheduler.framework.status import SKIP, Status
from kprov.kube.scheduler.state.pod_info import PodInfo
from kprov.kube.scheduler.volumes.hints import uses_claim
from kprov.kube.scheduler.volumes.listers import VolumeListers

_CONFLICT = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by "
    "another pod"
)
_DISK_CONFLICT = "node(s) had no available disk"


class _Disk(NamedTuple):
    """A volume that one pod writes to. `monitors`: of Ceph; one in common makes it the same disk."""

    kind: str
    identity: tuple[str, ...]
    monitors: frozenset[str] = frozenset()
    is_read_only: bool = False

    def conflicts_with(self, other: _Disk) -> bool:
        return (
            (self.kind, self.identity) == (other.kind, other.identity)
            and (not self.monitors or bool(self.monitors & other.monitors))
            and not (self.is_read_only and other.is_read_only)
        )


class _Volumes(NamedTuple):
    """The restricted volumes of a pod: claims that allow a single pod, and disks."""

    claims: frozenset[str]
    disks: frozenset[_Disk]


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
        """Find disks, and claims that allow one pod. VolumeBinding reports claims that do not exist."""
        disks = frozenset(_list_disks(cycle.info.pod))
        claims = set()
        namespace = cycle.info.namespace
        for name, _ in list_claim_names(cycle.info.pod):
            claim = self._listers.get_claim(namespace, name)
            if claim is not None and "ReadWriteOncePod" in (claim.spec.get("accessModes") or ()):
                claims.add(name)
        if not claims and not disks:
            return SKIP
        cycle.data[self.name] = _Volumes(frozenset(claims), disks)
        return None

    def filter(self, cycle: CycleState) -> Iterator[Rejection]:
        volumes = cycle.data.get(self.name)
        if not isinstance(volumes, _Volumes):
            return
        if volumes.disks:
            counts = cycle.state.count(
                ("disks", volumes.disks), lambda info: int(_has_disk_conflict(volumes.disks, info.pod))
            )
            yield Rejection(_DISK_CONFLICT, np.asarray(counts > 0), True)
        if volumes.claims:
            yield from self._check_claims(cycle, volumes.claims)

    @staticmethod
    def _check_claims(cycle: CycleState, names: frozenset[str]) -> Iterator[Rejection]:
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
    """Whether the pod that is gone used one of the pod's claims or disks."""
    if old.metadata.namespace != info.namespace:
        return False
    if _has_disk_conflict(frozenset(_list_disks(info.pod)), old):
        return True
    names = {name for name, _ in list_claim_names(info.pod)}
    return any(name in names for name, _ in list_claim_names(old))


def _has_disk_conflict(disks: frozenset[_Disk], pod: Pod) -> bool:
    return any(mine.conflicts_with(other) for other in _list_disks(pod) for mine in disks)


def _list_disks(pod: Pod) -> Iterator[_Disk]:
    for volume in pod.spec.volumes:
        if source := volume.get("iscsi"):
            yield _Disk("iscsi", (source.get("iqn", ""),), is_read_only=bool(source.get("readOnly")))
        elif source := volume.get("rbd"):
            identity = (source.get("pool", "rbd"), source.get("image", ""))
            monitors = frozenset(source.get("monitors") or ())
            yield _Disk("rbd", identity, monitors, is_read_only=bool(source.get("readOnly")))
        elif source := volume.get("gcePersistentDisk"):
            yield _Disk("gce", (source.get("pdName", ""),), is_read_only=bool(source.get("readOnly")))
        elif source := volume.get("awsElasticBlockStore"):
            yield _Disk("aws", (source.get("volumeID", ""),))
