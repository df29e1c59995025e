"""VolumeBinding: claims must exist and be bound, and their volumes reachable from the node."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from kprov.kube.api.core import PersistentVolumeClaim
from kprov.kube.scheduler.framework import CycleState, Plugin
from kprov.kube.scheduler.state import Mask

Claims = Callable[[str, str], PersistentVolumeClaim | None]


class VolumeBinding(Plugin):
    """claims: (namespace, name) > claim. Unbound claims are not bound here yet; the message says so."""

    name = "VolumeBinding"
    requeue_on = frozenset({"node", "pvc"})

    def __init__(self, claims: Claims) -> None:
        self._claims = claims

    def filter(self, cycle: CycleState) -> Iterator[tuple[str, Mask]]:
        everywhere = np.ones(cycle.state.capacity, dtype=np.bool_)
        for volume in cycle.info.pod.spec.volumes:
            source = volume.get("persistentVolumeClaim")
            if source is None:
                continue
            name = source.get("claimName", "")
            claim = self._claims(cycle.info.namespace, name)
            if claim is None:
                yield f'persistentvolumeclaim "{name}" not found', everywhere
            elif not claim.spec.get("volumeName"):
                yield "pod has unbound immediate PersistentVolumeClaims", everywhere
