"""Writes the binding of a claim and a volume (bind, unbindVolume, updateClaimStatus of pv_controller.go).

Every write names the resource version that it was computed from. After a conflict, the sync is repeated with
newer objects.
"""

from typing import Any

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim
from kprov.kube.client import RestClient
from kprov.kube.component_helpers.persistent_volumes import (
    BETA_STORAGE_PROVISIONER,
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    STORAGE_PROVISIONER,
    get_capacity,
    get_claim_reference,
    is_reserved_for,
    make_claim_reference,
)
from kprov.kube.controller_manager.framework.updates import update_whole
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

#: While a file system grows: the capacity that the claim still has.
_PRE_RESIZE_CAPACITY = "volume.alpha.kubernetes.io/pre-resize-capacity"


class VolumeBinding:
    """Requests that change claims and volumes. All raise ApiError and return the newest object."""

    def __init__(self, client: RestClient) -> None:
        self._claims = client.resource("", "v1", "persistentvolumeclaims", PersistentVolumeClaim)
        self._volumes = client.resource("", "v1", "persistentvolumes", PersistentVolume)

    async def bind(self, volume: PersistentVolume, claim: PersistentVolumeClaim) -> None:
        """Bind both. The volume first: another claim that wants it then fails."""
        volume = await self._point_volume_at(volume, claim)
        volume = await self.set_volume_phase(volume, "Bound")
        claim = await self._point_claim_at(claim, volume)
        await self.set_claim_phase(claim, "Bound", volume)

    async def unbind(self, volume: PersistentVolume) -> None:
        """Undo a binding. A reservation by a user stays, without the claim's UID."""
        spec: JsonObject
        annotations: JsonObject = {}
        if BOUND_BY_CONTROLLER in volume.metadata.annotations:
            spec, annotations = {"claimRef": None}, {BOUND_BY_CONTROLLER: None}
        else:
            spec = {"claimRef": {"uid": None}}
        volume = await self._update_volume(volume, {"metadata": {"annotations": annotations}, "spec": spec})
        await self.set_volume_phase(volume, "Available")

    async def set_volume_phase(
        self, volume: PersistentVolume, phase: str, message: str = ""
    ) -> PersistentVolume:
        """message: why the volume has the phase."""
        if volume.status.get("phase") == phase:
            return volume
        change = {"status": {"phase": phase, "message": message or None}}
        return await self._update_volume(volume, change, "status")

    async def set_claim_phase(
        self, claim: PersistentVolumeClaim, phase: str, volume: PersistentVolume | None = None
    ) -> PersistentVolumeClaim:
        """Without a volume, access modes and capacity of the status are removed."""
        wanted = compute_claim_status(claim, phase, volume)
        change = {key: value for key, value in wanted.items() if claim.status.get(key) != value}
        if not change:
            return claim
        if "capacity" in change:
            # Merged maps would keep resources that the volume does not have.
            old = claim.status.get("capacity") or {}
            new = change["capacity"]
            change["capacity"] = None if new is None else dict.fromkeys(old, None) | new
        return await self._update_claim(claim, {"status": change}, "status")

    async def set_class(self, claim: PersistentVolumeClaim, name: str) -> None:
        await self._update_claim(claim, {"spec": {"storageClassName": name}})

    async def request_provisioning(self, claim: PersistentVolumeClaim, provisioner: str) -> None:
        """Name the provisioner, which watches for claims with its name."""
        names = (STORAGE_PROVISIONER, BETA_STORAGE_PROVISIONER)
        if all(claim.metadata.annotations.get(name) == provisioner for name in names):
            return
        await self._update_claim(claim, {"metadata": {"annotations": dict.fromkeys(names, provisioner)}})

    async def _point_volume_at(
        self, volume: PersistentVolume, claim: PersistentVolumeClaim
    ) -> PersistentVolume:
        reference = get_claim_reference(volume) or {}
        meta = claim.metadata
        identity = {"namespace": meta.namespace, "name": meta.name, "uid": meta.uid}
        if all(reference.get(key) == value for key, value in identity.items()):
            return volume
        change: JsonObject = {"spec": {"claimRef": make_claim_reference(claim)}}
        if not is_reserved_for(volume, claim):
            change["metadata"] = {"annotations": {BOUND_BY_CONTROLLER: "yes"}}
        return await self._update_volume(volume, change)

    async def _point_claim_at(
        self, claim: PersistentVolumeClaim, volume: PersistentVolume
    ) -> PersistentVolumeClaim:
        annotations = claim.metadata.annotations
        change: JsonObject = {}
        missing: dict[str, str] = {}
        if claim.spec.get("volumeName") != volume.metadata.name:
            change["spec"] = {"volumeName": volume.metadata.name}
            missing[BOUND_BY_CONTROLLER] = "yes"
        missing[BIND_COMPLETED] = "yes"
        missing = {key: value for key, value in missing.items() if key not in annotations}
        if missing:
            change["metadata"] = {"annotations": missing}
        return await self._update_claim(claim, change) if change else claim

    async def _update_volume(
        self, volume: PersistentVolume, change: JsonObject, subresource: str = ""
    ) -> PersistentVolume:
        return await update_whole(self._volumes, volume, change, subresource=subresource)

    async def _update_claim(
        self, claim: PersistentVolumeClaim, change: JsonObject, subresource: str = ""
    ) -> PersistentVolumeClaim:
        return await update_whole(self._claims, claim, change, subresource=subresource)


def compute_claim_status(
    claim: PersistentVolumeClaim, phase: str, volume: PersistentVolume | None
) -> dict[str, Any]:
    """Return the fields of the status that belong to the phase; None removes one."""
    if volume is None:
        names = ("accessModes", "capacity", "currentVolumeAttributesClassName")
        return {"phase": phase, **dict.fromkeys(names)}
    status: dict[str, Any] = {"phase": phase, "accessModes": volume.spec.get("accessModes")}
    if claim.status.get("phase") != phase:
        # A bound claim may differ on purpose: its file system may be smaller than the volume.
        before = volume.metadata.annotations.get(_PRE_RESIZE_CAPACITY)
        own = Quantity.parse((claim.status.get("capacity") or {}).get("storage", "0"))
        if before is not None:
            status["capacity"] = {"storage": before}
        elif own != get_capacity(volume):
            status["capacity"] = dict(volume.spec.get("capacity") or {})
        if phase == "Bound" and claim.status.get("phase") == "Pending":
            status["currentVolumeAttributesClassName"] = volume.spec.get("volumeAttributesClassName")
    return status
