"""Claims that this program serves, and the volumes that it makes of them. Functions of values."""

from typing import Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim
from kprov.kube.api.storage import StorageClass
from kprov.kube.component_helpers.persistent_volumes import (
    PROVISIONED_BY,
    get_class,
    get_request,
    make_claim_reference,
)
from kprov.kube.machinery.json_object import JsonObject

#: Holds a volume until its directory is deleted, even if somebody deletes the volume before the claim.
FINALIZER: Final = "kprov.io/local-path-provisioner"
_HOST_NAME: Final = "kubernetes.io/hostname"
#: A directory of one node can be used in these ways.
_ACCESS_MODES: Final = frozenset({"ReadWriteOnce", "ReadWriteOncePod"})


def find_refusal(claim: PersistentVolumeClaim, cls: StorageClass) -> str | None:
    """Why no directory can be what the claim asks for. None if one can."""
    if (claim.spec.get("volumeMode") or "Filesystem") != "Filesystem":
        return "volumeMode Block is not possible for a directory"
    refused = sorted(set(claim.spec.get("accessModes") or ()) - _ACCESS_MODES)
    if refused:
        return f"access mode {refused[0]} is not possible for a directory of one node; use ReadWriteOnce"
    if claim.spec.get("selector"):
        return "claim.Spec.Selector is not supported"
    if claim.spec.get("dataSource") or claim.spec.get("dataSourceRef"):
        return "data sources are not supported: a new volume is empty"
    if cls.parameters:
        name = next(iter(cls.parameters))
        return f'parameter "{name}" of storage class "{cls.metadata.name}" is not known'
    return None


def make_volume(
    claim: PersistentVolumeClaim, cls: StorageClass, *, name: str, path: str, host_name: str
) -> JsonObject:
    """Return the volume for the claim. `host_name`: the value of the node's host name label."""
    spec: JsonObject = {
        "capacity": {"storage": str(get_request(claim))},
        "accessModes": claim.spec.get("accessModes") or [],
        "persistentVolumeReclaimPolicy": cls.reclaim_policy,
        "storageClassName": get_class(claim),
        "volumeMode": "Filesystem",
        "claimRef": make_claim_reference(claim),
        "local": {"path": path},
        "nodeAffinity": _make_affinity(host_name),
    }
    if cls.mount_options:
        spec["mountOptions"] = cls.mount_options
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            "annotations": {PROVISIONED_BY: cls.provisioner},
            "finalizers": [FINALIZER],
        },
        "spec": spec,
    }


def _make_affinity(host_name: str) -> JsonObject:
    expression = {"key": _HOST_NAME, "operator": "In", "values": [host_name]}
    return {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}


def is_of_node(volume: PersistentVolume, *, provisioner: str, host_name: str) -> bool:
    """Whether the provisioner made the volume on this node."""
    if volume.metadata.annotations.get(PROVISIONED_BY) != provisioner:
        return False
    return bool(volume.spec.get("nodeAffinity") == _make_affinity(host_name))


def is_to_be_deleted(volume: PersistentVolume) -> bool:
    """Whether nobody needs the volume any more and its policy is to delete it."""
    phase = volume.status.get("phase")
    return phase in {"Released", "Failed"} and volume.spec.get("persistentVolumeReclaimPolicy") == "Delete"


def is_to_be_forgotten(volume: PersistentVolume) -> bool:
    """Whether a volume that must be kept was deleted: its directory stays."""
    return bool(volume.metadata.deletion_timestamp) and (
        volume.spec.get("persistentVolumeReclaimPolicy") != "Delete"
    )
