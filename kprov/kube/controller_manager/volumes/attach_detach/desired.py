"""The volumes that the pods of a node need attached (the desired state of the world)."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from kprov.kube.api.core import ContainerStatus, Pod
from kprov.kube.controller_manager.volumes.attach_detach.attachable import (
    AttachableVolume,
    VolumeLookup,
    find_attachable,
)

_KINDS: Final = frozenset({"persistentVolumeClaim", "ephemeral", "iscsi", "fc"})


@dataclass(frozen=True, slots=True)
class DesiredVolume:
    """A volume and the pods of the node that use it."""

    volume: AttachableVolume
    pods: list[Pod] = field(default_factory=list)


def collect_desired(pods: Iterable[Pod], lookup: VolumeLookup) -> dict[str, DesiredVolume]:
    """Return the desired volumes of a node with these pods, by name."""
    desired_volumes: dict[str, DesiredVolume] = {}
    for pod in pods:
        if has_ended(pod):
            continue
        for volume in pod.spec.volumes:
            attachable = find_attachable(pod, volume, lookup)
            if attachable is not None:
                desired_volumes.setdefault(attachable.name, DesiredVolume(attachable)).pods.append(pod)
    return desired_volumes


def may_need_attaching(pod: Pod) -> bool:
    """Whether a volume of the pod is of a kind that can be attachable."""
    return any(not _KINDS.isdisjoint(volume) for volume in pod.spec.volumes)


def has_ended(pod: Pod) -> bool:
    """Whether no container of the pod runs or will run."""
    if pod.status.phase in ("Succeeded", "Failed"):
        return True
    status = pod.status
    every = (
        *status.init_container_statuses,
        *status.container_statuses,
        *status.ephemeral_container_statuses,
    )
    return bool(pod.metadata.deletion_timestamp) and not any(map(_may_run, every))


def _may_run(status: ContainerStatus) -> bool:
    return status.state.terminated is None and status.state.waiting is None
