"""What the scheduler knows of claims, volumes and classes, and how it waits for a claim to change."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

from kprov.kube.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from kprov.kube.api.storage import StorageClass
from kprov.kube.component_helpers.persistent_volumes import get_class
from kprov.kube.component_helpers.pod_claims import index_by_claim

#: The informer's index of volumes by class.
CLASS_INDEX = "class"


def index_by_class(volume: PersistentVolume) -> list[str]:
    return [get_class(volume)]


@dataclass(slots=True)
class VolumeListers:
    """Reads the informers' caches. Claims are found by (namespace, name), volumes and classes by name."""

    get_claim: Callable[[str, str], PersistentVolumeClaim | None]
    get_volume: Callable[[str], PersistentVolume | None]
    get_class: Callable[[str], StorageClass | None]
    list_volumes: Callable[[str], Iterable[PersistentVolume]]
    #: Whether the pod still exists.
    has_pod: Callable[[Pod], bool]
    changes: ClaimChanges = field(default_factory=lambda: ClaimChanges())


class ClaimChanges:
    """Wakes those that wait for claims, by NAMESPACE/NAME."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[asyncio.Event]] = {}

    def notify(self, key: str) -> None:
        for event in self._waiting.get(key, ()):
            event.set()

    def notify_volume(self, volume: PersistentVolume) -> None:
        """Wake the waits for the claim of a changed volume: it may be bound now."""
        reference = volume.spec.get("claimRef")
        if reference:
            self.notify(f"{reference.get('namespace', '')}/{reference.get('name', '')}")

    def notify_pod(self, pod: Pod) -> None:
        """Wake the waits for the claims of a pod that is gone."""
        for key in index_by_claim(pod):
            self.notify(key)

    def watch(self, keys: Iterable[str]) -> ClaimWatch:
        """Watch claims. Changes after this call are not missed."""
        return ClaimWatch(self._waiting, list(keys))


class ClaimWatch:
    """A context manager. `wait` returns when one of the claims has changed since the last call."""

    def __init__(self, waiting: dict[str, set[asyncio.Event]], keys: list[str]) -> None:
        self._waiting = waiting
        self._keys = keys
        self._event = asyncio.Event()

    def __enter__(self) -> Self:
        for key in self._keys:
            self._waiting.setdefault(key, set()).add(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        for key in self._keys:
            events = self._waiting[key]
            events.discard(self._event)
            if not events:
                del self._waiting[key]

    async def wait(self) -> None:
        await self._event.wait()
        self._event.clear()
