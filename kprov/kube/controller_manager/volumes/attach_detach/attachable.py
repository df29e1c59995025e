"""Which volumes of a pod a node needs attached, and their names (volume plugins' GetVolumeName).

Of upstream's plugins, CSI, Fibre Channel and iSCSI attach volumes. A program beside each CSI driver attaches
its volumes (external-attacher). The node attaches the others: the controller says which of them it may mount.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.component_helpers.persistent_volumes import get_claim_reference
from kprov.kube.component_helpers.pod_claims import is_claim_of, make_ephemeral_claim_name
from kprov.kube.machinery.json_object import JsonObject

_CSI: Final = "kubernetes.io/csi"
_SEPARATOR: Final = "^"
_SHARED_MODES: Final = frozenset({"ReadWriteMany", "ReadOnlyMany"})


@dataclass(frozen=True, slots=True)
class AttachableVolume:
    """A volume that is attached to a node before its kubelet mounts it."""

    #: The name in the node's status.
    name: str
    #: The persistent volume's name, or the name in the pod's spec.
    title: str
    plugin: str
    #: CSI driver and its name of the volume. "" for the other plugins.
    driver: str = ""
    handle: str = ""
    #: Only one node at a time may have it.
    is_exclusive: bool = False


@dataclass(frozen=True, slots=True)
class VolumeLookup:
    """How the objects that a pod's volume names are found."""

    find_claim: Callable[[str, str], PersistentVolumeClaim | None]
    find_volume: Callable[[str], PersistentVolume | None]
    #: Whether a CSI driver has volumes attached.
    attaches: Callable[[str], bool]


def find_attachable(pod: Pod, volume: JsonObject, lookup: VolumeLookup) -> AttachableVolume | None:
    """Return the attachable volume behind a volume of the pod.

    None: it is not bound yet, or needs no attaching.
    """
    if claim_name := _get_claim_name(pod, volume):
        claim = lookup.find_claim(pod.metadata.namespace, claim_name)
        bound_volume = _find_bound_volume(pod, volume, claim, lookup)
        return make_attachable(bound_volume, lookup.attaches) if bound_volume is not None else None
    name = _make_plugin_name(volume)
    return AttachableVolume(f"{name[0]}/{name[1]}", volume["name"], name[0]) if name else None


def make_attachable(
    volume: PersistentVolume, attaches: Callable[[str], bool] = lambda _: True
) -> AttachableVolume | None:
    """Return the attachable volume of a persistent volume. None: its plugin attaches nothing."""
    modes = volume.spec.get("accessModes") or ()
    is_exclusive = bool(modes) and _SHARED_MODES.isdisjoint(modes)
    title = volume.metadata.name
    if source := volume.spec.get("csi"):
        driver, handle = source.get("driver", ""), source.get("volumeHandle", "")
        if not attaches(driver):
            return None
        name = f"{_CSI}/{driver}{_SEPARATOR}{handle}"
        return AttachableVolume(name, title, f"{_CSI}:{driver}", driver, handle, is_exclusive)
    plugin_name = _make_plugin_name(volume.spec)
    if plugin_name is None:
        return None
    return AttachableVolume(
        f"{plugin_name[0]}/{plugin_name[1]}", title, plugin_name[0], is_exclusive=is_exclusive
    )


def parse_csi_name(name: str) -> tuple[str, str] | None:
    """(driver, handle) of a CSI volume's name in a node's status. None for other volumes."""
    plugin, _, rest = name.removeprefix(f"{_CSI}/").partition(_SEPARATOR)
    return (plugin, rest) if name.startswith(f"{_CSI}/") and rest else None


def make_attachment_name(driver: str, handle: str, node: str) -> str:
    """Return the name of the VolumeAttachment, which CSI programs compute too."""
    return f"csi-{hashlib.sha256(f'{handle}{driver}{node}'.encode()).hexdigest()}"


def _get_claim_name(pod: Pod, volume: JsonObject) -> str:
    if volume.get("ephemeral"):
        return make_ephemeral_claim_name(pod, volume)
    return str((volume.get("persistentVolumeClaim") or {}).get("claimName", ""))


def _find_bound_volume(
    pod: Pod, volume: JsonObject, claim: PersistentVolumeClaim | None, lookup: VolumeLookup
) -> PersistentVolume | None:
    """Return the claim's volume, if both sides are bound."""
    if claim is None or claim.status.get("phase") != "Bound" or not claim.spec.get("volumeName"):
        return None
    if volume.get("ephemeral") and not is_claim_of(pod, claim):
        return None
    persistent_volume = lookup.find_volume(claim.spec["volumeName"])
    target = get_claim_reference(persistent_volume) if persistent_volume is not None else None
    return persistent_volume if target is not None and target.get("uid") == claim.metadata.uid else None


def _make_plugin_name(source: JsonObject) -> tuple[str, str] | None:
    """(plugin, its name of the volume) of an iSCSI or Fibre Channel source."""
    if iscsi := source.get("iscsi"):
        name = f"{iscsi.get('targetPortal', '')}:{iscsi.get('iqn', '')}:{iscsi.get('lun', 0)}"
        return "kubernetes.io/iscsi", name
    if channel := source.get("fc"):
        if (names := channel.get("targetWWNs")) and channel.get("lun") is not None:
            return "kubernetes.io/fc", f"[{' '.join(names)}]:{channel['lun']}"
        if identifiers := channel.get("wwids"):
            return "kubernetes.io/fc", f"[{' '.join(identifiers)}]"
    return None
