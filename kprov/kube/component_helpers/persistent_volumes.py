"""Which persistent volume fits a claim (component-helpers/storage/volume/pv_helpers.go).

The controller manager binds by these rules at once. Claims that wait for their first consumer are bound once
the scheduler has chosen a node.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity
from kprov.kube.machinery.selectors import LabelSelector

BIND_COMPLETED: Final = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER: Final = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY: Final = "pv.kubernetes.io/provisioned-by"
MIGRATED_TO: Final = "pv.kubernetes.io/migrated-to"
SELECTED_NODE: Final = "volume.kubernetes.io/selected-node"
STORAGE_PROVISIONER: Final = "volume.kubernetes.io/storage-provisioner"
BETA_STORAGE_PROVISIONER: Final = "volume.beta.kubernetes.io/storage-provisioner"
DEFAULT_CLASS: Final = "storageclass.kubernetes.io/is-default-class"
BETA_DEFAULT_CLASS: Final = "storageclass.beta.kubernetes.io/is-default-class"
#: Named a claim's or volume's class before the field; it still has precedence.
_BETA_CLASS: Final = "volume.beta.kubernetes.io/storage-class"


def get_class(obj: PersistentVolumeClaim | PersistentVolume) -> str:
    """Return the name of the storage class; "" for none."""
    name = obj.metadata.annotations.get(_BETA_CLASS, obj.spec.get("storageClassName"))
    return str(name or "")


def has_class(claim: PersistentVolumeClaim) -> bool:
    """Whether the claim names a class. "" is a name too: the one of volumes without a class."""
    return _BETA_CLASS in claim.metadata.annotations or claim.spec.get("storageClassName") is not None


def get_request(claim: PersistentVolumeClaim) -> Quantity:
    requests = (claim.spec.get("resources") or {}).get("requests") or {}
    return Quantity.parse(requests.get("storage", "0"))


def get_capacity(volume: PersistentVolume) -> Quantity:
    return Quantity.parse((volume.spec.get("capacity") or {}).get("storage", "0"))


def has_same_mode(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Whether both are file systems or both are block devices."""
    modes = [obj.spec.get("volumeMode") or "Filesystem" for obj in (claim, volume)]
    return bool(modes[0] == modes[1])


def has_access_modes(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Whether the volume can be accessed in every way that the claim asks for."""
    return set(claim.spec.get("accessModes") or ()) <= set(volume.spec.get("accessModes") or ())


def get_claim_reference(volume: PersistentVolume) -> JsonObject | None:
    return volume.spec.get("claimRef") or None


def is_reserved_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether the volume names the claim. A user's reference has no UID (IsVolumeBoundToClaim)."""
    reference = get_claim_reference(volume)
    if reference is None:
        return False
    return (
        reference.get("name") == claim.metadata.name
        and reference.get("namespace") == claim.metadata.namespace
        and reference.get("uid") in (None, "", claim.metadata.uid)
    )


def find_mismatch(claim: PersistentVolumeClaim, volume: PersistentVolume) -> str | None:
    """Why a volume that the claim names cannot be bound to it, in upstream's words; None if it can."""
    if volume.metadata.deletion_timestamp:
        return f'the volume is marked for deletion "{volume.metadata.name}"'
    if get_capacity(volume).value < get_request(claim).value:
        return "requested PV is too small"
    if get_class(volume) != get_class(claim):
        return "storageClassName does not match"
    if not _has_same_attributes_class(claim, volume):
        return "volumeAttributesClassName does not match"
    if not has_same_mode(claim, volume):
        return "incompatible volumeMode"
    if not has_access_modes(claim, volume):
        return "incompatible accessMode"
    return None


def find_volume(
    claim: PersistentVolumeClaim,
    volumes: Iterable[PersistentVolume],
    *,
    is_delayed: bool = False,
) -> PersistentVolume | None:
    """Return the volume that is reserved for the claim, else the smallest that fits.

    `is_delayed`: the claim waits for its first consumer. Only a reserved volume is bound before the
    scheduler has chosen a node.
    """
    fitting: list[PersistentVolume] = []
    for volume in volumes:
        if volume.metadata.deletion_timestamp or not _could_hold(claim, volume):
            continue
        if is_reserved_for(volume, claim):
            return volume
        if get_claim_reference(volume) is None and not is_delayed and _is_offered(claim, volume):
            fitting.append(volume)
    # Fewer ways of access first: a volume that can do more is left for those who need it.
    return min(fitting, key=_get_generosity, default=None)


def list_candidates(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume]
) -> list[PersistentVolume]:
    """Return the volumes that a claim may be bound to on some node, the smallest first.

    A volume that is reserved for the claim is the only one. The caller checks the volumes' node affinity.
    """
    fitting = [volume for volume in volumes if _could_hold(claim, volume)]
    fitting = [volume for volume in fitting if not volume.metadata.deletion_timestamp]
    reserved = [volume for volume in fitting if is_reserved_for(volume, claim)]
    if reserved:
        return reserved[:1]
    free = [
        volume for volume in fitting if get_claim_reference(volume) is None and _is_offered(claim, volume)
    ]
    return sorted(free, key=get_capacity)


def is_fully_bound(claim: PersistentVolumeClaim) -> bool:
    """Whether both the claim and its volume name each other."""
    return bool(claim.spec.get("volumeName")) and BIND_COMPLETED in claim.metadata.annotations


def make_claim_reference(claim: PersistentVolumeClaim) -> JsonObject:
    """Return the reference by which a volume names its claim."""
    meta = claim.metadata
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
    }


def _get_generosity(volume: PersistentVolume) -> tuple[int, Quantity]:
    return len(volume.spec.get("accessModes") or ()), get_capacity(volume)


def _could_hold(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    return (
        get_capacity(volume) >= get_request(claim)
        and has_same_mode(claim, volume)
        and _has_same_attributes_class(claim, volume)
        and has_access_modes(claim, volume)
    )


def _is_offered(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Whether an unreserved volume is ready, of the claim's class, and selected by it."""
    if volume.status.get("phase") != "Available" or get_class(volume) != get_class(claim):
        return False
    return matches_selector(claim, volume.metadata.labels)


def matches_selector(claim: PersistentVolumeClaim, labels: Mapping[str, str]) -> bool:
    selector = claim.spec.get("selector")
    return selector is None or LabelSelector.from_object(selector).matches(dict(labels))


def _has_same_attributes_class(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    names = [obj.spec.get("volumeAttributesClassName") or "" for obj in (claim, volume)]
    return bool(names[0] == names[1])
