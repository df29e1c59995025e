"""Binds claims to volumes and reclaims released ones (persistentvolume/pv_controller.go).

A claim and a volume point at each other once they are bound. Each sync does what is left of the binding, from
whichever side it was interrupted.
"""

import asyncio
from typing import Any, Final, Literal

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.storage import StorageClass
from kprov.kube.client import ApiError, reference
from kprov.kube.component_helpers import persistent_volumes as rules
from kprov.kube.component_helpers.persistent_volumes import (
    BIND_COMPLETED,
    MIGRATED_TO,
    PROVISIONED_BY,
    SELECTED_NODE,
)
from kprov.kube.component_helpers.pod_claims import CLAIM_INDEX, index_by_claim
from kprov.kube.controller_manager.framework.controller import Context, Controller, run_periodically
from kprov.kube.controller_manager.volumes import counts
from kprov.kube.controller_manager.volumes.binding import VolumeBinding

#: Prefix of the provisioners that were part of Kubernetes.
_IN_TREE: Final = "kubernetes.io/"
#: CSI drivers that took over the work of such provisioners. No program provides the others any more.
_CSI_SUCCESSORS: Final = {
    "kubernetes.io/aws-ebs": "ebs.csi.aws.com",
    "kubernetes.io/azure-disk": "disk.csi.azure.com",
    "kubernetes.io/azure-file": "file.csi.azure.com",
    "kubernetes.io/cinder": "cinder.csi.openstack.org",
    "kubernetes.io/gce-pd": "pd.csi.storage.gke.io",
    "kubernetes.io/portworx-volume": "pxd.portworx.com",
    "kubernetes.io/vsphere-volume": "csi.vsphere.vmware.com",
}
_CLAIM: Final = "claims/"
_VOLUME: Final = "volumes/"
_NO_CLASS: Final = "no persistent volumes available for this claim and no storage class is set"
_WAIT_FOR_PROVISIONER: Final = (
    "Waiting for a volume to be created either by the external provisioner '{name}' or manually by the "
    "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
    "correctly registered."
)


class PersistentVolumeBinderController(Controller):
    """Keys are claims/NAMESPACE/NAME and volumes/NAME."""

    name = "persistentvolumebinder"
    queue_name = "claims"
    # Two claims that want the same volume are synced one after the other.
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._volumes = informers.informer("", "v1", "persistentvolumes", PersistentVolume)
        self._classes = informers.informer("storage.k8s.io", "v1", "storageclasses", StorageClass)
        self._pods = informers.informer("", "v1", "pods", Pod, indexers={CLAIM_INDEX: index_by_claim})
        self._binding = VolumeBinding(context.client)
        self._recorder = context.make_recorder("persistentvolume-controller")
        counts.count_volumes(self._volumes)
        counts.count_claims(self._claims)
        self._resync_seconds: float = context.options.pvclaimbinder_sync_period
        self._claims.add_handler(
            on_add=self._enqueue_claim,
            on_update=lambda _, new: self._enqueue_claim(new),
            on_delete=self._handle_deleted_claim,
        )
        self._volumes.add_handler(
            on_add=self._handle_volume,
            on_update=lambda _, new: self._handle_volume(new),
            on_delete=self._handle_deleted_volume,
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(super().run())
            group.create_task(run_periodically(self._resync_seconds, self._enqueue_all, "volume resync"))

    async def sync(self, key: str) -> None:
        if key.startswith(_VOLUME):
            volume = self._volumes.get("", key.removeprefix(_VOLUME))
            if volume is not None:
                await self._sync_volume(volume)
            return
        namespace, _, name = key.removeprefix(_CLAIM).partition("/")
        claim = self._claims.get(namespace, name)
        if claim is None:
            return
        if BIND_COMPLETED in claim.metadata.annotations:
            await self._sync_bound_claim(claim)
        elif claim.spec.get("volumeName"):
            await self._sync_claim_of_named_volume(claim, claim.spec["volumeName"])
        else:
            await self._sync_unbound_claim(claim)

    async def _sync_unbound_claim(self, claim: PersistentVolumeClaim) -> None:
        cls = self._classes.get("", rules.get_class(claim)) if rules.get_class(claim) else None
        is_delayed = cls is not None and cls.volume_binding_mode == "WaitForFirstConsumer"
        volume = rules.find_volume(claim, self._volumes.list(), is_delayed=is_delayed)
        if volume is not None:
            await self._binding.bind(volume, claim)
            return
        if not rules.has_class(claim) and (default := self._find_default_class()) is not None:
            # The class became the default after the claim was created.
            await self._set_default_class(claim, default)
            return
        if is_delayed and SELECTED_NODE not in claim.metadata.annotations:
            self._report_first_consumer(claim)
        elif rules.get_class(claim):
            await self._provision(claim, cls)
            return
        else:
            self._record(claim, "Normal", "FailedBinding", _NO_CLASS)
        await self._binding.set_claim_phase(claim, "Pending")

    async def _set_default_class(self, claim: PersistentVolumeClaim, default: StorageClass) -> None:
        counts.RETROACTIVE_CLASSES.inc()
        try:
            await self._binding.set_class(claim, default.metadata.name)
        except ApiError:
            counts.RETROACTIVE_CLASS_ERRORS.inc()
            raise

    async def _sync_claim_of_named_volume(self, claim: PersistentVolumeClaim, name: str) -> None:
        volume = self._volumes.get("", name)
        if volume is None:
            await self._binding.set_claim_phase(claim, "Pending")
            return
        if rules.is_reserved_for(volume, claim):
            await self._binding.bind(volume, claim)
            return
        if rules.get_claim_reference(volume) is not None:
            self._record(
                claim, "Warning", "FailedBinding", f'volume "{name}" already bound to a different claim.'
            )
        elif (mismatch := rules.find_mismatch(claim, volume)) is not None:
            message = f'Cannot bind to requested volume "{name}": {mismatch}'
            self._record(claim, "Warning", "VolumeMismatch", message)
        else:
            await self._binding.bind(volume, claim)
            return
        await self._binding.set_claim_phase(claim, "Pending")

    async def _sync_bound_claim(self, claim: PersistentVolumeClaim) -> None:
        name = claim.spec.get("volumeName")
        volume = self._volumes.get("", name) if name else None
        if not name:
            text = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
            await self._lose(claim, "ClaimLost", text)
        elif volume is None:
            text = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
            await self._lose(claim, "ClaimLost", text)
        elif _get_claim_uid(volume) in (None, claim.metadata.uid):
            await self._binding.bind(volume, claim)
        else:
            text = "Two claims are bound to the same volume, this one is bound incorrectly"
            await self._lose(claim, "ClaimMisbound", text)

    async def _lose(self, claim: PersistentVolumeClaim, reason: str, message: str) -> None:
        if claim.status.get("phase") != "Lost":
            await self._binding.set_claim_phase(claim, "Lost")
            self._record(claim, "Warning", reason, message)

    async def _provision(self, claim: PersistentVolumeClaim, cls: StorageClass | None) -> None:
        """Ask the provisioner of the claim's class for a volume."""
        if not self.context.options.enable_dynamic_provisioning:
            return
        if cls is None:
            message = f'storageclass.storage.k8s.io "{rules.get_class(claim)}" not found'
            self._record(claim, "Warning", "ProvisioningFailed", message)
            return
        provisioner = _CSI_SUCCESSORS.get(cls.provisioner, cls.provisioner)
        if provisioner.startswith(_IN_TREE):
            message = f"no volume plugin matched name: {provisioner}"
            self._record(claim, "Warning", "ProvisioningFailed", message)
        else:
            await self._binding.request_provisioning(claim, provisioner)
            message = _WAIT_FOR_PROVISIONER.format(name=provisioner)
            self._record(claim, "Normal", "ExternalProvisioning", message)

    async def _sync_volume(self, volume: PersistentVolume) -> None:
        target = rules.get_claim_reference(volume)
        if target is None or not target.get("uid"):
            # Reserved at most: the claim binds itself.
            await self._binding.set_volume_phase(volume, "Available")
            return
        claim = await self._find_claim(volume, target)
        if claim is None:
            await self._release(volume)
        elif claim.spec.get("volumeName") == volume.metadata.name:
            await self._binding.set_volume_phase(volume, "Bound")
        elif claim.spec.get("volumeName"):
            await self._sync_superfluous_volume(volume)
        elif not rules.has_same_mode(claim, volume):
            self._report_mode_mismatch(claim, volume)
        else:
            self._enqueue_claim(claim)

    async def _sync_superfluous_volume(self, volume: PersistentVolume) -> None:
        """Handle that the claim got another volume."""
        is_provisioned = PROVISIONED_BY in volume.metadata.annotations
        if is_provisioned and volume.spec.get("persistentVolumeReclaimPolicy") == "Delete":
            await self._release(volume)
        else:
            await self._binding.unbind(volume)

    async def _find_claim(
        self, volume: PersistentVolume, target: dict[str, Any]
    ) -> PersistentVolumeClaim | None:
        """Return the claim that the volume names.

        Before a release the server is asked, not only the cache.
        """
        name, namespace = target["name"], target["namespace"]
        claim = self._claims.get(namespace, name)
        is_known = claim is not None and claim.metadata.uid == target["uid"]
        if not is_known and volume.status.get("phase") not in ("Released", "Failed"):
            try:
                claim = await self.resource_of(self._claims).get(name, namespace=namespace)
            except ApiError as error:
                if not error.is_not_found:
                    raise
                claim = None
        return claim if claim is not None and claim.metadata.uid == target["uid"] else None

    async def _release(self, volume: PersistentVolume) -> None:
        if volume.status.get("phase") not in ("Released", "Failed"):
            volume = await self._binding.set_volume_phase(volume, "Released")
        annotations = volume.metadata.annotations
        policy = volume.spec.get("persistentVolumeReclaimPolicy")
        if policy == "Recycle":
            await self._fail(volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!")
        elif policy == "Delete" and MIGRATED_TO not in annotations:
            provisioner = annotations.get(PROVISIONED_BY, "")
            # The program that made a volume deletes it: one beside the CSI driver, if nothing else is said.
            is_external = bool(provisioner) or volume.spec.get("csi") is not None
            if provisioner.startswith(_IN_TREE) or not is_external:
                message = (
                    f'error getting deleter volume plugin for volume "{volume.metadata.name}": '
                    "no deletable volume plugin matched"
                )
                await self._fail(volume, "VolumeFailedDelete", message)

    async def _fail(self, volume: PersistentVolume, reason: str, message: str) -> None:
        if volume.status.get("phase") != "Failed":
            await self._binding.set_volume_phase(volume, "Failed", message)
            self._record(volume, "Warning", reason, message)

    def _report_first_consumer(self, claim: PersistentVolumeClaim) -> None:
        pods = [
            pod.metadata.name
            for pod in self._pods.by_index(CLAIM_INDEX, claim.key)
            if not pod.spec.node_name and pod.status.phase not in ("Succeeded", "Failed")
        ]
        if not pods:
            message = "waiting for first consumer to be created before binding"
            self._record(claim, "Normal", "WaitForFirstConsumer", message)
            return
        which = f"pod {pods[0]}" if len(pods) == 1 else f"pods {','.join(sorted(pods))}"
        self._record(claim, "Normal", "WaitForPodScheduled", f"waiting for {which} to be scheduled")

    def _report_mode_mismatch(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        why = "due to incompatible volumeMode."
        text = (
            f'Cannot bind PersistentVolume to requested PersistentVolumeClaim "{claim.metadata.name}" {why}'
        )
        self._record(volume, "Warning", "VolumeMismatch", text)
        name = volume.metadata.name
        text = f'Cannot bind PersistentVolume "{name}" to requested PersistentVolumeClaim {why}'
        self._record(claim, "Warning", "VolumeMismatch", text)

    def _record(
        self,
        obj: PersistentVolumeClaim | PersistentVolume,
        kind: Literal["Normal", "Warning"],
        reason: str,
        message: str,
    ) -> None:
        self._recorder.event(reference(obj, "v1", type(obj).__name__), kind, reason, message)

    def _find_default_class(self) -> StorageClass | None:
        """Return the newest default class; of equally old ones the first by name."""
        names = (rules.DEFAULT_CLASS, rules.BETA_DEFAULT_CLASS)
        defaults = [
            cls
            for cls in self._classes.list()
            if any(cls.metadata.annotations.get(name) == "true" for name in names)
        ]
        defaults.sort(key=lambda cls: cls.metadata.name)
        return max(defaults, key=lambda cls: cls.metadata.creation_timestamp or "", default=None)

    def _enqueue_claim(self, claim: PersistentVolumeClaim) -> None:
        self.queue.add(f"{_CLAIM}{claim.key}")

    def _enqueue_volume(self, volume: PersistentVolume) -> None:
        self.queue.add(f"{_VOLUME}{volume.metadata.name}")

    def _handle_deleted_claim(self, claim: PersistentVolumeClaim) -> None:
        if name := claim.spec.get("volumeName"):
            self.queue.add(f"{_VOLUME}{name}")

    def _handle_volume(self, volume: PersistentVolume) -> None:
        """Sync the claim that may wait for a volume that became available or was provisioned."""
        self._enqueue_volume(volume)
        target = rules.get_claim_reference(volume)
        if target is not None:
            self.queue.add(f"{_CLAIM}{target['namespace']}/{target['name']}")

    def _handle_deleted_volume(self, volume: PersistentVolume) -> None:
        self._handle_volume(volume)

    async def _enqueue_all(self) -> None:
        for volume in self._volumes.list():
            self._enqueue_volume(volume)
        for claim in self._claims.list():
            self._enqueue_claim(claim)


def _get_claim_uid(volume: PersistentVolume) -> str | None:
    """Return the UID of the volume's claim; "" for a reservation by name, None without a claim."""
    target = rules.get_claim_reference(volume)
    return None if target is None else str(target.get("uid") or "")
