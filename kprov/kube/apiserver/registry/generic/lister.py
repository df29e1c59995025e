"""A resource's objects from the watch cache, for the server's own plugins."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.machinery.json_object import JsonObject

#: (type, object); type is ADDED, MODIFIED or DELETED, the object the same one for all: for reading only.
OnChange = Callable[[str, JsonObject], None]


class Lister:
    """Never waits; may be behind etcd by an instant."""

    def __init__(self, cache: ResourceCache, cacher: Cacher) -> None:
        self._cache = cache
        self._cacher = cacher

    async def start(self) -> None:
        """Returns when the cache has been filled once. Idempotent."""
        await self._cacher.loaded.wait()

    @property
    def synced(self) -> bool:
        return self._cacher.loaded.is_set()

    def get(self, namespace: str, name: str) -> JsonObject | None:
        """A fresh dict each time: the caller may keep it or change it."""
        entry = self._cache.get(self._cache.key(namespace, name))
        return None if entry is None else self._cache.decode(entry)

    def list(self, namespace: str | None = None) -> list[JsonObject]:
        cache = self._cache
        return [cache.decode(entry) for entry in cache.select(Selection(namespace or ""))]

    def get_shared(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """As `get`, for reading only: everybody gets the same."""
        entry = self._cache.get(self._cache.key(namespace, name))
        return None if entry is None else self._cache.get_shared(entry)

    def list_shared(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        """As `list`, for reading only: everybody gets the same."""
        cache = self._cache
        return [cache.get_shared(entry) for entry in cache.select(Selection(namespace or ""))]

    def on_change(self, callback: OnChange) -> None:
        """Call for all that is there (ADDED) and for each change from now on, in order, on the event loop."""
        for obj in self.list():
            callback("ADDED", obj)
        self._cache.add_listener(callback)
