"""Makes the volumes of claims whose pod is on this node, and deletes them when they are released.

A claim's UID names its directory and its volume, so each step can be repeated: a program that was killed
goes on where it stopped.
"""

import asyncio
import logging
from typing import Final, Literal

from kprov.kube.api.core import Node, PersistentVolume, PersistentVolumeClaim
from kprov.kube.api.storage import StorageClass
from kprov.kube.client import ApiError, EventRecorder, InformerFactory, RestClient, WorkQueue, reference
from kprov.kube.component_helpers import persistent_volumes as rules
from kprov.kube.component_helpers.persistent_volumes import SELECTED_NODE, STORAGE_PROVISIONER
from kprov.kube.local_path_provisioner import metrics, volumes
from kprov.kube.local_path_provisioner.directories import VolumeDirectories, make_volume_name
from kprov.kube.local_path_provisioner.options import Options

log = logging.getLogger(__name__)

_HOST_NAME: Final = "kubernetes.io/hostname"
_CLAIM: Final = "claims/"
_VOLUME: Final = "volumes/"


class Provisioner:
    """Keys are claims/NAMESPACE/NAME and volumes/NAME."""

    def __init__(
        self,
        options: Options,
        client: RestClient,
        informers: InformerFactory,
        recorder: EventRecorder,
        directories: VolumeDirectories,
    ) -> None:
        self._options = options
        self._recorder = recorder
        self._directories = directories
        self._volume_requests = client.resource("", "v1", "persistentvolumes", PersistentVolume)
        self._claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._volumes = informers.informer("", "v1", "persistentvolumes", PersistentVolume)
        self._classes = informers.informer("storage.k8s.io", "v1", "storageclasses", StorageClass)
        self._nodes = informers.informer(
            "", "v1", "nodes", Node, field_selector=f"metadata.name={options.node_name}"
        )
        self.queue: WorkQueue[str] = WorkQueue("local-path-provisioner")
        self._claims.add_handler(
            on_add=self._enqueue_claim, on_update=lambda _, new: self._enqueue_claim(new)
        )
        self._volumes.add_handler(
            on_add=self._enqueue_volume, on_update=lambda _, new: self._enqueue_volume(new)
        )
        # A class or the node may come after the claim.
        self._classes.add_handler(on_add=lambda _: self._enqueue_all())
        self._nodes.add_handler(on_add=lambda _: self._enqueue_all())

    def _enqueue_claim(self, claim: PersistentVolumeClaim) -> None:
        if self._is_selected(claim):
            self.queue.add(f"{_CLAIM}{claim.key}")

    def _enqueue_volume(self, volume: PersistentVolume) -> None:
        if volumes.is_to_be_deleted(volume) or volumes.is_to_be_forgotten(volume):
            self.queue.add(f"{_VOLUME}{volume.metadata.name}")

    def _enqueue_all(self) -> None:
        for claim in self._claims.list():
            self._enqueue_claim(claim)
        for volume in self._volumes.list():
            self._enqueue_volume(volume)

    def _is_selected(self, claim: PersistentVolumeClaim) -> bool:
        """Whether the claim waits for a volume on this node."""
        annotations = claim.metadata.annotations
        return (
            annotations.get(SELECTED_NODE) == self._options.node_name
            and annotations.get(STORAGE_PROVISIONER) == self._options.provisioner_name
            and not claim.spec.get("volumeName")
            and not claim.metadata.deletion_timestamp
        )

    def _get_host_name(self) -> str | None:
        """Return the value of the node's host name label. None if the node is not registered yet."""
        node = self._nodes.get(None, self._options.node_name)
        return None if node is None else node.metadata.labels.get(_HOST_NAME, node.metadata.name)

    async def sync(self, key: str) -> None:
        """Do what the claim or volume needs. Raises ApiError and OSError: the key is tried again."""
        host_name = self._get_host_name()
        if host_name is None:
            return
        if key.startswith(_VOLUME):
            volume = self._volumes.get(None, key.removeprefix(_VOLUME))
            if volume is not None and self._is_own(volume, host_name):
                await self._reclaim(volume)
            return
        namespace, _, name = key.removeprefix(_CLAIM).partition("/")
        claim = self._claims.get(namespace, name)
        if claim is None or not self._is_selected(claim):
            return
        cls = self._classes.get(None, rules.get_class(claim))
        if cls is not None and cls.provisioner == self._options.provisioner_name:
            await self._provision(claim, cls, host_name)

    def _is_own(self, volume: PersistentVolume, host_name: str) -> bool:
        provisioner = self._options.provisioner_name
        return volumes.is_of_node(volume, provisioner=provisioner, host_name=host_name)

    async def _provision(self, claim: PersistentVolumeClaim, cls: StorageClass, host_name: str) -> None:
        name = make_volume_name(claim.metadata.uid)
        if self._volumes.get(None, name) is not None:
            # The claim is bound to it soon.
            return
        refusal = volumes.find_refusal(claim, cls)
        if refusal is not None:
            self._report_failed_provisioning(claim, cls, refusal)
            return
        text = f'External provisioner is provisioning volume for claim "{claim.key}"'
        self._record(claim, "Normal", "Provisioning", text)
        try:
            path = await asyncio.to_thread(self._directories.create, name)
            body = volumes.make_volume(claim, cls, name=name, path=str(path), host_name=host_name)
            await self._create_volume(body)
        except (ApiError, OSError) as error:
            self._report_failed_provisioning(claim, cls, str(error))
            raise
        metrics.PROVISIONED.labels(cls.metadata.name).inc()
        log.info("made volume %s for claim %s", name, claim.key)
        text = f"Successfully provisioned volume {name}"
        self._record(claim, "Normal", "ProvisioningSucceeded", text)

    async def _create_volume(self, body: dict[str, object]) -> None:
        try:
            await self._volume_requests.create(body)
        except ApiError as error:
            # Made before; our cache does not have it yet.
            if not error.is_already_exists:
                raise

    def _report_failed_provisioning(
        self, claim: PersistentVolumeClaim, cls: StorageClass, problem: str
    ) -> None:
        metrics.PROVISION_FAILURES.labels(cls.metadata.name).inc()
        text = f'failed to provision volume with StorageClass "{cls.metadata.name}": {problem}'
        self._record(claim, "Warning", "ProvisioningFailed", text)

    async def _reclaim(self, volume: PersistentVolume) -> None:
        name = volume.metadata.name
        if volumes.is_to_be_deleted(volume):
            try:
                await self._delete_directory(volume)
                if not volume.metadata.deletion_timestamp:
                    await self._delete_volume(volume)
            except (ApiError, OSError, ValueError) as error:
                metrics.DELETE_FAILURES.labels(rules.get_class(volume)).inc()
                self._record(volume, "Warning", "VolumeFailedDelete", str(error))
                raise
            metrics.DELETED.labels(rules.get_class(volume)).inc()
            log.info("deleted volume %s", name)
        elif not volumes.is_to_be_forgotten(volume):
            return
        await self._remove_finalizer(volume)

    async def _delete_volume(self, volume: PersistentVolume) -> None:
        try:
            await self._volume_requests.delete(volume.metadata.name, preconditions_uid=volume.metadata.uid)
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def _delete_directory(self, volume: PersistentVolume) -> None:
        name = volume.metadata.name
        path = str(self._directories.get_path(name))
        named = (volume.spec.get("local") or {}).get("path")
        if named != path:
            raise ValueError(f"the volume is at {named}, not at {path}: nothing is deleted")
        await asyncio.to_thread(self._directories.delete, name)

    async def _remove_finalizer(self, volume: PersistentVolume) -> None:
        """Remove it from the newest version: other controllers remove theirs at the same time."""
        try:
            newest = await self._volume_requests.get(volume.metadata.name)
            if newest.metadata.uid != volume.metadata.uid:
                return
            finalizers = [
                finalizer for finalizer in newest.metadata.finalizers if finalizer != volumes.FINALIZER
            ]
            if finalizers != newest.metadata.finalizers:
                metadata = {"finalizers": finalizers, "resourceVersion": newest.metadata.resource_version}
                await self._volume_requests.patch(volume.metadata.name, {"metadata": metadata})
        except ApiError as error:
            if not error.is_not_found:
                raise

    async def remove_unused_directories(self) -> list[str]:
        """Directories of claims that are gone and never had a volume. The informers must have synced."""
        names = {volume.metadata.name for volume in self._volumes.list()}
        names |= {make_volume_name(claim.metadata.uid) for claim in self._claims.list()}
        return await asyncio.to_thread(self._directories.remove_unused, names)

    def _record(
        self,
        obj: PersistentVolumeClaim | PersistentVolume,
        kind: Literal["Normal", "Warning"],
        reason: str,
        message: str,
    ) -> None:
        self._recorder.event(reference(obj, "v1", type(obj).__name__), kind, reason, message)
