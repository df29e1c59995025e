"""The persistent volumes behind a pod's claims (createVolumeSpec of the desired state populator).

A claim must be bound before its volume is mounted. A bound claim keeps its volume, so it is read once a pod.
"""

from dataclasses import dataclass
from typing import Final

from kprov.kube.api.core import PersistentVolumeClaim, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.api.meta import PodUID
from kprov.kube.component_helpers.pod_claims import is_claim_of, make_ephemeral_claim_name
from kprov.kube.kubelet.api_objects.object_cache import ObjectLookup
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.pods.pod_queries import list_containers
from kprov.kube.machinery.json_object import JsonObject

_PROTECTION: Final = "kubernetes.io/pvc-protection"
#: The kinds of persistent volumes that this kubelet mounts.
LOCAL, HOST_PATH = "local", "hostPath"
_KINDS: Final = (LOCAL, HOST_PATH)
#: Fields of a persistent volume's spec that are no source. The source is the remaining one.
_NO_SOURCE: Final = frozenset({
    "accessModes", "capacity", "claimRef", "mountOptions", "nodeAffinity", "persistentVolumeReclaimPolicy",
    "storageClassName", "volumeAttributesClassName", "volumeMode",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class BoundVolume:
    """A persistent volume that a pod's claim is bound to. `read_only`: the pod asked for that."""

    name: str
    kind: str
    source: JsonObject
    read_only: bool
    is_block: bool
    mount_options: tuple[str, ...] = ()


class ClaimedVolumes:
    """The persistent volumes of pods, by pod and by the volume's name in the pod."""

    def __init__(self, get_object: ObjectLookup) -> None:
        self._get_object = get_object
        self._volumes: dict[PodUID, dict[str, BoundVolume]] = {}

    async def read_volume(self, pod: Pod, volume: JsonObject) -> BoundVolume:
        """Return the volume of a claim.

        Raises VolumeError if the claim is not bound to one that can be mounted.
        """
        volumes = self._volumes.setdefault(pod.uid, {})
        name = volume["name"]
        if name not in volumes:
            volumes[name] = await self._read(pod, volume)
        return volumes[name]

    def get_volume(self, pod: Pod, name: str) -> BoundVolume | None:
        """Return a volume that `read_volume` has read."""
        return self._volumes.get(pod.uid, {}).get(name)

    def forget_pod(self, uid: PodUID) -> None:
        self._volumes.pop(uid, None)

    async def _read(self, pod: Pod, volume: JsonObject) -> BoundVolume:
        source = volume.get("persistentVolumeClaim")
        namespace = pod.metadata.namespace
        claim_name = source["claimName"] if source else make_ephemeral_claim_name(pod, volume)
        try:
            claim = await self._read_claim(namespace, claim_name)
            if not source and not is_claim_of(pod, claim):
                pod_name = f"{namespace}/{pod.metadata.name}"
                text = f"PVC {namespace}/{claim_name} was not created for pod {pod_name} (pod is not owner)"
                raise VolumeError(text)
            spec = await self._read_spec(claim)
        except VolumeError as error:
            raise VolumeError(f"error processing PVC {namespace}/{claim_name}: {error}") from error
        mode = spec.get("volumeMode") or "Filesystem"
        _check_mode(pod, volume["name"], mode)
        kind = _find_kind(spec)
        return BoundVolume(
            claim.spec["volumeName"],
            kind,
            spec[kind],
            read_only=bool((source or {}).get("readOnly")),
            is_block=mode == "Block",
            mount_options=tuple(spec.get("mountOptions") or ()),
        )

    async def _read_claim(self, namespace: str, name: str) -> PersistentVolumeClaim:
        document = await self._get_object("persistentvolumeclaims", namespace, name)
        if document is None:
            text = f'failed to fetch PVC from API server: persistentvolumeclaims "{name}" not found'
            raise VolumeError(text)
        claim = convert(document, PersistentVolumeClaim)
        # While the protection is there, pods that already run keep the claim over a restart of the kubelet.
        if claim.metadata.deletion_timestamp and _PROTECTION not in claim.metadata.finalizers:
            raise VolumeError("PVC is being deleted")
        if claim.status.get("phase") != "Bound":
            raise VolumeError("PVC is not bound")
        if not claim.spec.get("volumeName"):
            raise VolumeError("PVC has empty pvc.Spec.VolumeName")
        return claim

    async def _read_spec(self, claim: PersistentVolumeClaim) -> JsonObject:
        """Return the spec of the claim's volume. Both must name each other."""
        name = claim.spec["volumeName"]
        document = await self._get_object("persistentvolumes", "", name)
        if document is None:
            text = f'failed to fetch PV {name} from API server: persistentvolumes "{name}" not found'
            raise VolumeError(text)
        spec: JsonObject = document["spec"]
        reference = spec.get("claimRef")
        if not reference:
            raise VolumeError(
                f"found PV object {name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to "
                "the claim"
            )
        if reference.get("uid") != claim.metadata.uid:
            raise VolumeError(
                f"found PV object {name} but its pv.Spec.ClaimRef.UID {reference.get('uid', '')} does not "
                f"point to claim.UID {claim.metadata.uid}"
            )
        return spec


def is_claimed(volume: JsonObject) -> bool:
    """Whether the pod's volume comes from a claim."""
    return "persistentVolumeClaim" in volume or "ephemeral" in volume


def is_used(pod: Pod, name: str) -> bool:
    """Whether a container uses the volume."""
    return _is_mounted(pod, name) or _is_device(pod, name)


def _is_mounted(pod: Pod, name: str) -> bool:
    return any(entry.name == name for item in list_containers(pod) for entry in item.volume_mounts)


def _is_device(pod: Pod, name: str) -> bool:
    return any(entry.name == name for item in list_containers(pod) for entry in item.volume_devices)


def _check_mode(pod: Pod, name: str, mode: str) -> None:
    if mode != "Filesystem" and _is_mounted(pod, name):
        raise VolumeError(f"volume {name} has volumeMode {mode}, but is specified in volumeMounts")
    if mode != "Block" and _is_device(pod, name):
        raise VolumeError(f"volume {name} has volumeMode {mode}, but is specified in volumeDevices")


def _find_kind(spec: JsonObject) -> str:
    for kind in _KINDS:
        if spec.get(kind):
            return kind
    kind = next((key for key in spec if key not in _NO_SOURCE), "none")
    raise VolumeError(f"persistent volumes of type {kind} are not supported by this kubelet")
