"""Keeps volume attributes classes while claims or volumes name them (pkg/controller/volume/vacprotection)."""

from typing import Final

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.machinery.json_object import JsonObject

_FINALIZER: Final = "kubernetes.io/vac-protection"
_INDEX: Final = "volume-attributes-class"


class AttributesClassProtectionController(Controller):
    """Keys are names of classes."""

    name = "vacprotection"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        informers = context.informers
        self._classes = informers.informer("storage.k8s.io", "v1", "volumeattributesclasses")
        self._claims = informers.informer(
            "", "v1", "persistentvolumeclaims", PersistentVolumeClaim, indexers={_INDEX: list_for_claim}
        )
        self._volumes = informers.informer(
            "", "v1", "persistentvolumes", PersistentVolume, indexers={_INDEX: list_for_volume}
        )
        self._classes.add_handler(on_add=self._handle_class, on_update=lambda _, new: self._handle_class(new))
        self._claims.add_handler(
            on_update=lambda old, new: self._add(list_for_claim(old) - list_for_claim(new)),
            on_delete=lambda claim: self._add(list_for_claim(claim)),
        )
        self._volumes.add_handler(
            on_update=lambda old, new: self._add(list_for_volume(old) - list_for_volume(new)),
            on_delete=lambda volume: self._add(list_for_volume(volume)),
        )

    async def sync(self, key: str) -> None:
        document = self._classes.get("", key)
        if document is None or not is_incomplete(document):
            return
        metadata = document["metadata"]
        finalizers = [finalizer for finalizer in metadata.get("finalizers") or () if finalizer != _FINALIZER]
        if not metadata.get("deletionTimestamp"):
            finalizers.append(_FINALIZER)
        elif self._volumes.by_index(_INDEX, key) or self._claims.by_index(_INDEX, key):
            return
        # Not a patch: upstream's role has only update.
        await self.resource_of(self._classes).update(
            {**document, "metadata": {**metadata, "finalizers": finalizers}}
        )

    def _handle_class(self, document: JsonObject) -> None:
        if is_incomplete(document):
            self.queue.add(document["metadata"]["name"])

    def _add(self, names: set[str]) -> None:
        for name in names:
            self.queue.add(name)


def is_incomplete(document: JsonObject) -> bool:
    """Whether the finalizer has to be added, or removed from a deleted class."""
    metadata = document["metadata"]
    has_finalizer = _FINALIZER in (metadata.get("finalizers") or ())
    return bool(metadata.get("deletionTimestamp")) == has_finalizer


def list_for_claim(claim: PersistentVolumeClaim) -> set[str]:
    """Return the classes that a claim asks for, has, or is being changed to."""
    status = claim.status
    names = (
        claim.spec.get("volumeAttributesClassName"),
        status.get("currentVolumeAttributesClassName"),
        (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"),
    )
    return {name for name in names if name}


def list_for_volume(volume: PersistentVolume) -> set[str]:
    name = volume.spec.get("volumeAttributesClassName")
    return {name} if name else set()
