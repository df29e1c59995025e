"""Cells of volumes, claims, storage classes and drivers.

Source: upstream pkg/printers/internalversion/printers.go.
"""

from __future__ import annotations

from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.printers import cells
from kprov.kube.machinery.printers.cells import NONE, UNSET, Cells
from kprov.kube.machinery.quantity import canonical

#: The annotation of the default class, and its beta name.
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _phase(obj: JsonMapping) -> str:
    return "Terminating" if obj["metadata"].get("deletionTimestamp") else cells.status(obj).get("phase", "")


def _storage_class_of(obj: JsonMapping) -> str:
    annotated = (obj["metadata"].get("annotations") or {}).get("volume.beta.kubernetes.io/storage-class")
    return str(annotated if annotated is not None else cells.spec(obj).get("storageClassName") or "")


def persistent_volume(obj: JsonMapping, now: float) -> Cells:
    spec = cells.spec(obj)
    claim = spec.get("claimRef")
    return [
        cells.name(obj),
        canonical((spec.get("capacity") or {}).get("storage", "0")),
        cells.access_modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(obj),
        f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else "",
        _storage_class_of(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        cells.status(obj).get("reason", ""),
        cells.age(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def persistent_volume_claim(obj: JsonMapping, now: float) -> Cells:
    spec, status = cells.spec(obj), cells.status(obj)
    bound = bool(spec.get("volumeName"))
    return [
        cells.name(obj),
        _phase(obj),
        spec.get("volumeName", ""),
        canonical((status.get("capacity") or {}).get("storage", "0")) if bound else "",
        cells.access_modes(status.get("accessModes")) if bound else "",
        _storage_class_of(obj),
        spec.get("volumeAttributesClassName") or UNSET,
        cells.age(obj, now),
        spec.get("volumeMode") or UNSET,
    ]


def storage_class(obj: JsonMapping, now: float) -> Cells:
    return [
        cells.default_marked(obj, *_DEFAULT_CLASS),
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy") or "Delete",
        obj.get("volumeBindingMode") or "Immediate",
        obj.get("allowVolumeExpansion") or False,
        cells.age(obj, now),
    ]


def csi_driver(obj: JsonMapping, now: float) -> Cells:
    spec = cells.spec(obj)
    tokens = spec.get("tokenRequests")
    return [
        cells.name(obj),
        spec.get("attachRequired", True),
        spec.get("podInfoOnMount", False),
        spec.get("storageCapacity", False),
        UNSET if tokens is None else ",".join(token.get("audience", "") for token in tokens),
        spec.get("requiresRepublish", False),
        ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
        cells.age(obj, now),
    ]
