"""Claims and volumes: DefaultStorageClass, StorageObjectInUseProtection, PersistentVolumeClaimResize.

Source: upstream plugin/pkg/admission/storage and pkg/volume/util/storageclass.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Self

from kprov.kube.apiserver.admission.plugin import AdmissionPlugin, Attributes, forbidden_error
from kprov.kube.apiserver.interfaces.objects import CacheReader, ObjectStores
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.quantity import Quantity

_CLAIMS: Final = ("", "persistentvolumeclaims")
_CLASS: Final = "volume.beta.kubernetes.io/storage-class"
_FINALIZERS: Final = {
    "persistentvolumes": "kubernetes.io/pv-protection",
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
    "volumeattributesclasses": "kubernetes.io/vac-protection",
}


def find_default_class(classes: Sequence[JsonObject], annotations: Sequence[str]) -> JsonObject | None:
    """Return the newest default class; of equally old ones the first by name."""
    defaults = [
        class_
        for class_ in classes
        if any((class_["metadata"].get("annotations") or {}).get(name) == "true" for name in annotations)
    ]
    defaults.sort(key=lambda class_: class_["metadata"]["name"])
    return max(defaults, key=lambda class_: class_["metadata"]["creationTimestamp"], default=None)


class DefaultStorageClass(AdmissionPlugin):
    name = "DefaultStorageClass"
    operations = frozenset({"CREATE"})
    resources = frozenset({_CLAIMS})

    def __init__(self, classes: CacheReader) -> None:
        self._classes = classes

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("storage.k8s.io", "storageclasses").lister)

    async def admit(self, attributes: Attributes) -> None:
        claim = attributes.obj
        if attributes.subresource or claim is None:
            return
        if (
            _CLASS in (claim["metadata"].get("annotations") or {})
            or claim["spec"].get("storageClassName") is not None
        ):
            return
        names = (
            "storageclass.kubernetes.io/is-default-class",
            "storageclass.beta.kubernetes.io/is-default-class",
        )
        default = find_default_class(self._classes.list(), names)
        if default is not None:
            claim["spec"]["storageClassName"] = default["metadata"]["name"]


class StorageObjectInUseProtection(AdmissionPlugin):
    """Adds a finalizer that the protection controllers remove when the object is no longer used."""

    name = "StorageObjectInUseProtection"
    operations = frozenset({"CREATE"})
    resources = frozenset({("", "persistentvolumes"), _CLAIMS, ("storage.k8s.io", "volumeattributesclasses")})

    async def admit(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.obj is None:
            return
        metadata = attributes.obj["metadata"]
        finalizer = _FINALIZERS[attributes.resource.plural]
        if finalizer not in (metadata.get("finalizers") or ()):
            metadata["finalizers"] = [*(metadata.get("finalizers") or ()), finalizer]


class PersistentVolumeClaimResize(AdmissionPlugin):
    name = "PersistentVolumeClaimResize"
    operations = frozenset({"UPDATE"})
    resources = frozenset({_CLAIMS})

    def __init__(self, classes: CacheReader) -> None:
        self._classes = classes

    @classmethod
    def from_stores(cls, stores: ObjectStores) -> Self:
        return cls(stores.store("storage.k8s.io", "storageclasses").lister)

    async def validate(self, attributes: Attributes) -> None:
        if attributes.subresource or attributes.obj is None or attributes.old is None:
            return
        if _parse_size(attributes.obj) <= _parse_size(attributes.old):
            return
        if (attributes.old.get("status") or {}).get("phase") != "Bound":
            raise forbidden_error(attributes, "Only bound persistent volume claims can be expanded")
        name = _find_class_name(attributes.obj)
        storage_class = (
            self._classes.get("", name) if name and name == _find_class_name(attributes.old) else None
        )
        if not (storage_class or {}).get("allowVolumeExpansion"):
            text = (
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the "
                "pvc must support resize"
            )
            raise forbidden_error(attributes, text)


def _parse_size(claim: JsonObject) -> int:
    requests = (claim["spec"].get("resources") or {}).get("requests") or {}
    return Quantity.parse(requests.get("storage", "0")).value


def _find_class_name(claim: JsonObject) -> str:
    annotations = claim["metadata"].get("annotations") or {}
    return str(annotations.get(_CLASS) or claim["spec"].get("storageClassName") or "")
