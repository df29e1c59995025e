"""How many volumes of CSI drivers nodes can have, and which ones they have (CSINode, VolumeAttachment)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from kprov.kube.api.core import PersistentVolumeClaim, Pod
from kprov.kube.api.storage import VolumeAttachment
from kprov.kube.component_helpers.persistent_volumes import get_class
from kprov.kube.component_helpers.pod_claims import list_claim_names
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.volumes.listers import VolumeListers

#: The informer's index of attachments by node.
NODE_INDEX = "node"


def index_by_node(attachment: VolumeAttachment) -> list[str]:
    return [attachment.spec.node_name]


def list_limits(csi_node: JsonObject) -> dict[str, int]:
    drivers = csi_node["spec"].get("drivers") or ()
    limits = {driver["name"]: (driver.get("allocatable") or {}).get("count") for driver in drivers}
    return {name: int(count) for name, count in limits.items() if count is not None}


@dataclass(slots=True)
class NodeVolumes:
    """Reads the informers' caches. Volumes are pairs of their driver and their handle."""

    listers: VolumeListers
    get_csi_node: Callable[[str], JsonObject | None] = lambda _: None
    list_attachments: Callable[[str], Iterable[VolumeAttachment]] = lambda _: ()
    #: Before the handles of volumes that do not exist yet.
    _prefix: str = field(default_factory=lambda: uuid.uuid4().hex)

    def get_limits(self, node: str) -> dict[str, int]:
        """Return the largest number of volumes by driver. Drivers without a limit are missing."""
        csi_node = self.get_csi_node(node)
        return {} if csi_node is None else list_limits(csi_node)

    def list_volumes(self, pod: Pod) -> Iterator[tuple[str, str]]:
        """Return the volumes of the pod's claims. Claims that do not exist have none."""
        for name, _ in list_claim_names(pod):
            claim = self.listers.get_claim(pod.metadata.namespace, name)
            volume = None if claim is None else self._find_volume(claim)
            if volume is not None:
                yield volume

    def list_attached(self, node: str) -> Iterator[tuple[str, str]]:
        """Return the attached volumes, also those of pods that are gone."""
        for attachment in self.list_attachments(node):
            name = attachment.spec.source.persistent_volume_name
            volume = self.listers.get_volume(name) if name else None
            csi = volume.spec.get("csi") if volume is not None else None
            if attachment.spec.attacher and csi:
                yield attachment.spec.attacher, csi["volumeHandle"]

    def _find_volume(self, claim: PersistentVolumeClaim) -> tuple[str, str] | None:
        """Return the volume of a CSI driver, None if it is another volume."""
        name = claim.spec.get("volumeName")
        volume = self.listers.get_volume(name) if name else None
        if volume is not None:
            csi = volume.spec.get("csi")
            return (csi["driver"], csi["volumeHandle"]) if csi else None
        class_name = get_class(claim)
        storage_class = self.listers.get_class(class_name) if class_name else None
        if storage_class is None:
            return None
        return storage_class.provisioner, f"{self._prefix}-{claim.key}"
