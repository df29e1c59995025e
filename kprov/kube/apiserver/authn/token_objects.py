"""The objects that a token depends on, and what may be remembered of them."""

from __future__ import annotations

import time

from kprov.kube.apiserver.authn.token_claims import LEEWAY_SECONDS
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject


class Dependency:
    """An object that a token depends on, as it was when the token was checked."""

    __slots__ = ("cache", "ends", "entry", "key")

    def __init__(self, cache: ResourceCache, key: str, entry: Entry | None, *, ends: bool) -> None:
        self.cache = cache
        self.key = key
        self.entry = entry
        self.ends = ends


async def find_object(
    registry: Registry, plural: str, namespace: str, reference: JsonObject, needs: list[Dependency]
) -> JsonObject | None:
    """Of that name, of another uid perhaps; from the cache, and from storage before it says no.

    For the cache may be behind an instant. What is found is added to needs.
    """
    store, name, uid = registry.store("", plural), reference.get("name") or "", reference.get("uid") or ""
    found = store.lister.get(namespace, name)
    if found is None or found["metadata"]["uid"] != uid:
        await store.fresh()
        found = store.lister.get(namespace, name)
    if found is None:
        return None
    key = store.cache.key(namespace, name)
    entry = store.cache.get(key)
    # An entry that is newer already than what was looked at is no ground to remember anything.
    same = entry is not None and str(entry.revision) == found["metadata"]["resourceVersion"]
    needs.append(Dependency(store.cache, key, entry, ends=not same or bool(find_deletion_time(found))))
    return found


def find_deletion_time(obj: JsonObject) -> str:
    """When it ends, "" while it does not."""
    return obj["metadata"].get("deletionTimestamp") or ""


def has_ended(obj: JsonObject) -> bool:
    """A finalizer may keep an object for long; what it stood for ended at its deletion time."""
    at = find_deletion_time(obj)
    return bool(at) and timestamps.seconds(at) < time.time() - LEEWAY_SECONDS
