"""VolumeAttachment objects: a CSI driver attaches a volume for each, and detaches it when it is deleted."""

import logging
from collections.abc import Callable

from kprov.kube.api.core import Node, PersistentVolume
from kprov.kube.api.storage import VolumeAttachment
from kprov.kube.client import ApiError, InformerFactory, RestClient
from kprov.kube.controller_manager.volumes.attach_detach.attachable import (
    AttachableVolume,
    make_attachable,
    make_attachment_name,
    parse_csi_name,
)

log = logging.getLogger(__name__)


class Attachments:
    """The shared objects, and which of them are being deleted."""

    def __init__(
        self,
        client: RestClient,
        informers: InformerFactory,
        find_volume: Callable[[str], PersistentVolume | None],
    ) -> None:
        indexers = {
            "node": lambda attachment: [attachment.spec.node_name],
            "volume": lambda attachment: [attachment.spec.source.persistent_volume_name or ""],
        }
        self.informer = informers.informer(
            "storage.k8s.io", "v1", "volumeattachments", VolumeAttachment, indexers=indexers
        )
        self._resource = self.informer.resource.with_client(client)
        self._find_volume = find_volume
        # UIDs of objects that this process deleted and that the informer may show as they were.
        self._deleted: set[str] = set()
        self.informer.add_handler(on_delete=lambda attachment: self._deleted.discard(attachment.metadata.uid))

    def list_for_node(self, name: str, node: Node | None) -> dict[str, VolumeAttachment]:
        """Return the node's attachments by the volumes' names.

        Attachments that have another name than this controller gives, or an unknown volume, are left alone.
        """
        shown = node.status.volumes_attached if node is not None else ()
        csi = {
            attached_volume.name: csi_name
            for attached_volume in shown
            if (csi_name := parse_csi_name(attached_volume.name))
        }
        names = {make_attachment_name(*identity, name): volume for volume, identity in csi.items()}
        attachments: dict[str, VolumeAttachment] = {}
        for attachment in self.informer.by_index("node", name):
            volume = self._find_attachable(attachment)
            if volume is not None:
                names[make_attachment_name(volume.driver, volume.handle, name)] = volume.name
            if attachment.metadata.name in names:
                attachments[names[attachment.metadata.name]] = attachment
        return attachments

    def list_nodes(self, volume: AttachableVolume) -> set[str]:
        """Return the nodes that a CSI volume is, or is being, attached to or detached from."""
        return {attachment.spec.node_name for attachment in self.informer.by_index("volume", volume.title)}

    def is_deleted(self, attachment: VolumeAttachment) -> bool:
        metadata = attachment.metadata
        return bool(metadata.deletion_timestamp) or metadata.uid in self._deleted

    def is_attached(self, attachment: VolumeAttachment | None) -> bool:
        """Whether the driver has attached the volume, and nobody has told it to detach."""
        return attachment is not None and attachment.status.attached and not self.is_deleted(attachment)

    async def create(self, volume: AttachableVolume, node: str) -> None:
        """Ask the driver to attach."""
        name = make_attachment_name(volume.driver, volume.handle, node)
        body = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "VolumeAttachment",
            "metadata": {"name": name},
            "spec": {
                "attacher": volume.driver,
                "nodeName": node,
                "source": {"persistentVolumeName": volume.title},
            },
        }
        try:
            await self._resource.create(body)
        except ApiError as error:
            if not error.is_already_exists:
                raise
        else:
            log.info("created the attachment of %s to %s", volume.title, node)

    async def delete(self, attachment: VolumeAttachment) -> None:
        """Ask the driver to detach."""
        metadata = attachment.metadata
        self._deleted.add(metadata.uid)
        try:
            await self._resource.delete(metadata.name, preconditions_uid=metadata.uid)
        except ApiError as error:
            if not error.is_not_found and not error.is_conflict:
                self._deleted.discard(metadata.uid)
                raise

    def _find_attachable(self, attachment: VolumeAttachment) -> AttachableVolume | None:
        name = attachment.spec.source.persistent_volume_name
        volume = self._find_volume(name) if name else None
        attachable = make_attachable(volume) if volume is not None else None
        return attachable if attachable is not None and attachable.driver else None
