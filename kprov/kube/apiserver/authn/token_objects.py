"""The objects on which a token depends, and whether they changed since its verification."""

from __future__ import annotations

import time

from kprov.kube.apiserver.authn.token_claims import LEEWAY_SECONDS
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject


class Dependency:
    """An object on which a token depends, as it was when the token was verified."""

    __slots__ = ("cache", "ends", "entry", "key")

    def __init__(self, cache: ResourceCache, key: str, entry: Entry | None, *, ends: bool) -> None:
        self.cache = cache
        self.key = key
        self.entry = entry
        self.ends = ends


async def find_object(
    registry: Registry, plural: str, namespace: str, reference: JsonObject, needs: list[Dependency]
) -> JsonObject | None:
    """Find the object by name; its uid may be another. Add it to `needs`.

    Read storage if the cache does not have it, because the cache may be behind.
    """
    store, name, uid = registry.store("", plural), reference.get("name") or "", reference.get("uid") or ""
    found = store.lister.get(namespace, name)
    if found is None or found["metadata"]["uid"] != uid:
        await store.catch_up()
        found = store.lister.get(namespace, name)
    if found is None:
        return None
    key = store.cache.key(namespace, name)
    entry = store.cache.get(key)
    # If the entry is newer than the object that was read, the result must not be cached.
    same = entry is not None and str(entry.revision) == found["metadata"]["resourceVersion"]
    needs.append(Dependency(store.cache, key, entry, ends=not same or bool(find_deletion_time(found))))
    return found


def find_deletion_time(obj: JsonObject) -> str:
    """The deletion timestamp, or ""."""
    return obj["metadata"].get("deletionTimestamp") or ""


def has_ended(obj: JsonObject) -> bool:
    """Whether the deletion timestamp is past. Finalizers may keep the object longer."""
    at = find_deletion_time(obj)
    return bool(at) and timestamps.seconds(at) < time.time() - LEEWAY_SECONDS
