"""Keeps claims that pods use, and bound volumes, until nobody needs them (pvcprotection, pvprotection)."""

from typing import Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.meta import Object
from kprov.kube.client.store import split_key
from kprov.kube.component_helpers.pod_claims import (
    CLAIM_INDEX,
    index_by_claim,
    is_claim_of,
    list_claim_names,
)
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.updates import update_whole

_CLAIM_FINALIZER: Final = "kubernetes.io/pvc-protection"
_VOLUME_FINALIZER: Final = "kubernetes.io/pv-protection"


def _is_incomplete(obj: Object, finalizer: str) -> bool:
    """Whether the finalizer has to be added, or removed from a deleted object."""
    return bool(obj.metadata.deletion_timestamp) == (finalizer in obj.metadata.finalizers)


class ClaimProtectionController(Controller):
    """A deleted claim stays until no pod on a node uses it."""

    name = "pvcprotection"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._claims = informers.informer("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._pods = informers.informer("", "v1", "pods", Pod, indexers={CLAIM_INDEX: index_by_claim})
        self._claims.add_handler(on_add=self._handle_claim, on_update=lambda _, new: self._handle_claim(new))
        self._pods.add_handler(on_delete=self._handle_pod, on_update=self._handle_pod_update)

    async def sync(self, key: str) -> None:
        claim = self._claims.get(*split_key(key))
        if claim is None or not _is_incomplete(claim, _CLAIM_FINALIZER):
            return
        finalizers = [finalizer for finalizer in claim.metadata.finalizers if finalizer != _CLAIM_FINALIZER]
        if not claim.metadata.deletion_timestamp:
            finalizers.append(_CLAIM_FINALIZER)
        elif await self._is_used(claim):
            return
        change = {"metadata": {"finalizers": finalizers}}
        await update_whole(self.resource_of(self._claims), claim, change)

    async def _is_used(self, claim: PersistentVolumeClaim) -> bool:
        if any(_uses(pod, claim) for pod in self._pods.by_index(CLAIM_INDEX, claim.key)):
            return True
        # The informer may not have the newest pod yet. A wrong answer would lose its data.
        listed = await self.resource_of(self._pods).list(namespace=claim.metadata.namespace)
        return any(_uses(pod, claim) for pod in listed.items or ())

    def _handle_claim(self, claim: PersistentVolumeClaim) -> None:
        if _is_incomplete(claim, _CLAIM_FINALIZER):
            self.enqueue(claim)

    def _handle_pod(self, pod: Pod) -> None:
        for key in index_by_claim(pod):
            self.queue.add(key)

    def _handle_pod_update(self, old: Pod, new: Pod) -> None:
        if old.metadata.uid != new.metadata.uid:
            self._handle_pod(old)
        if new.metadata.deletion_timestamp or new.status.phase in ("Succeeded", "Failed"):
            self._handle_pod(new)


class VolumeProtectionController(Controller):
    """A deleted volume stays until it is not bound."""

    name = "pvprotection"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._volumes = context.informers.informer("", "v1", "persistentvolumes", PersistentVolume)
        self._volumes.add_handler(
            on_add=self._handle_volume, on_update=lambda _, new: self._handle_volume(new)
        )

    async def sync(self, key: str) -> None:
        volume = self._volumes.get("", key)
        if volume is None or not _is_incomplete(volume, _VOLUME_FINALIZER):
            return
        finalizers = [finalizer for finalizer in volume.metadata.finalizers if finalizer != _VOLUME_FINALIZER]
        if not volume.metadata.deletion_timestamp:
            finalizers.append(_VOLUME_FINALIZER)
        elif volume.status.get("phase") == "Bound":
            return
        change = {"metadata": {"finalizers": finalizers}}
        await update_whole(self.resource_of(self._volumes), volume, change)

    def _handle_volume(self, volume: PersistentVolume) -> None:
        if _is_incomplete(volume, _VOLUME_FINALIZER):
            self.queue.add(volume.metadata.name)


def _uses(pod: Pod, claim: PersistentVolumeClaim) -> bool:
    """Whether a pod on a node uses the claim. A kubelet starts no pod with a claim that is being deleted."""
    if not pod.spec.node_name:
        return False
    for name, is_ephemeral in list_claim_names(pod):
        if name != claim.metadata.name:
            continue
        if not is_ephemeral or (not _is_shut_down(pod) and is_claim_of(pod, claim)):
            return True
    return False


def _is_shut_down(pod: Pod) -> bool:
    """Return whether the kubelet is done with the pod, or somebody deleted it without waiting."""
    return bool(pod.metadata.deletion_timestamp) and pod.metadata.deletion_grace_period_seconds == 0
