"""What persistent volume claims use of a quota.

Source: upstream pkg/quota/v1/evaluator/core/persistent_volume_claims.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.component_helpers.pod_resources import Amounts
from kprov.kube.component_helpers.quota.evaluator import ONE, Evaluator
from kprov.kube.component_helpers.quota.scopes import names_match
from kprov.kube.machinery.json_object import JsonMapping
from kprov.kube.machinery.quantity import Quantity

_CLASS: Final = ".storageclass.storage.k8s.io/"
_NAMES: Final = ("persistentvolumeclaims", "requests.storage")
_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"


class PersistentVolumeClaims(Evaluator):
    has_scopes = True

    def __init__(self) -> None:
        super().__init__("", "persistentvolumeclaims", *_NAMES)

    def handles(self, operation: str, subresource: str, obj: JsonMapping, old: JsonMapping | None) -> bool:
        if subresource == "status":
            return needs_recount(obj, old or {})
        return not subresource and operation in {"CREATE", "UPDATE"}

    def measures(self, name: str) -> bool:
        return super().measures(name) or name.endswith(tuple(_CLASS + resource for resource in _NAMES))

    def in_scope(self, scope: JsonMapping, obj: JsonMapping) -> bool:
        return scope["scopeName"] == "VolumeAttributesClass" and names_match(scope, _attributes_classes(obj))

    def usage(self, obj: JsonMapping) -> Amounts:
        storage_class = _storage_class(obj)
        used = {self.count: ONE, "persistentvolumeclaims": ONE}
        size = _size(obj)
        if size is not None:
            used["requests.storage"] = size
        if storage_class:
            used |= {f"{storage_class}{_CLASS}{name}": used[name] for name in _NAMES if name in used}
        return used


def needs_recount(new: JsonMapping, old: JsonMapping) -> bool:
    """Whether a status change affects usage: the allocated size, or the classes in scopes."""
    return _find_allocated_storage(new) != _find_allocated_storage(old) or _attributes_classes(
        new
    ) != _attributes_classes(old)


def _storage_class(claim: JsonMapping) -> str:
    annotations = (claim.get("metadata") or {}).get("annotations") or {}
    if _ANNOTATION in annotations:
        return str(annotations[_ANNOTATION])
    return str((claim.get("spec") or {}).get("storageClassName") or "")


def _find_allocated_storage(claim: JsonMapping) -> Quantity | None:
    storage = ((claim.get("status") or {}).get("allocatedResources") or {}).get("storage")
    return None if storage is None else Quantity.parse(storage)


def _size(claim: JsonMapping) -> Quantity | None:
    """Return the requested or the allocated size, whichever is larger, in whole bytes."""
    asked = (((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage")
    if asked is None:
        return None
    size, allocated = Quantity.parse(asked), _find_allocated_storage(claim)
    if allocated is not None and allocated > size:
        size = allocated
    return size if size.nanos % 10**9 == 0 else Quantity.of(size.value, size.format)


def _attributes_classes(claim: JsonMapping) -> set[str]:
    status = claim.get("status") or {}
    names = {
        (claim.get("spec") or {}).get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    }
    return {name for name in names if name}
