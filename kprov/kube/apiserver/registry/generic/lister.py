"""A resource's objects from the watch cache, for the server's own plugins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.interfaces.objects import OnChange
from kprov.kube.machinery.json_object import JsonObject


class Lister:
    """A CacheReader: reads the watch cache. It never waits, so it may be a moment behind etcd."""

    def __init__(self, cache: ResourceCache, cacher: Cacher) -> None:
        self._cache = cache
        self._cacher = cacher

    async def start(self) -> None:
        """Return when the cache has been filled once. Idempotent."""
        await self._cacher.loaded.wait()

    @property
    def synced(self) -> bool:
        return self._cacher.loaded.is_set()

    def get(self, namespace: str, name: str) -> JsonObject | None:
        """Return a new dict for each call, which the caller may change."""
        entry = self._cache.get(self._cache.key(namespace, name))
        return None if entry is None else self._cache.decode(entry)

    def list(self, namespace: str | None = None) -> list[JsonObject]:
        cache = self._cache
        return [cache.decode(entry) for entry in cache.select(Selection(namespace or ""))]

    def get_shared(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """As `get`, but the dict is shared and must not be changed."""
        entry = self._cache.get(self._cache.key(namespace, name))
        return None if entry is None else self._cache.get_shared(entry)

    def list_shared(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        """As `list`, but the dicts are shared and must not be changed."""
        cache = self._cache
        return [cache.get_shared(entry) for entry in cache.select(Selection(namespace or ""))]

    def on_change(self, callback: OnChange) -> None:
        """Call back for each object (ADDED), then for each change, in order, on the event loop."""
        for obj in self.list():
            callback("ADDED", obj)
        self._cache.add_listener(callback)
