"""The objects on which a token depends, and whether they changed since its verification."""

from __future__ import annotations

import time
from typing import Protocol

from kprov.kube.apiserver.authn.token_claims import LEEWAY_SECONDS
from kprov.kube.apiserver.interfaces.objects import ObjectReader, ObjectWriter
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject


class Entry(Protocol):
    """An object in the watch cache. A changed object is another entry."""

    @property
    def revision(self) -> int: ...


class EntryCache(Protocol):
    """The entries of a kind in the watch cache."""

    def key(self, namespace: str, name: str) -> str:
        """Return the key of an object."""

    def get(self, key: str) -> Entry | None:
        """Return the entry of a key."""


class TokenReader(ObjectReader, Protocol):
    """Reads the objects of a kind; `cache` tells without decoding whether an object changed."""

    @property
    def cache(self) -> EntryCache: ...


class TokenStore(TokenReader, ObjectWriter, Protocol):
    """Also writes them."""


class TokenStores(Protocol):
    """Access to the kinds on which tokens depend."""

    def store(self, group: str, plural: str) -> TokenStore: ...


class Dependency:
    """An object on which a token depends, as it was when the token was verified."""

    __slots__ = ("cache", "ends", "entry", "key")

    def __init__(self, cache: EntryCache, key: str, entry: Entry | None, *, ends: bool) -> None:
        self.cache = cache
        self.key = key
        self.entry = entry
        self.ends = ends


async def find_object(
    objects: TokenReader, namespace: str, reference: JsonObject, needs: list[Dependency]
) -> JsonObject | None:
    """Find the object by name; its uid may be another. Add it to `needs`.

    Read storage if the cache does not have it, because the cache may be behind.
    """
    name, uid = reference.get("name") or "", reference.get("uid") or ""
    obj = objects.lister.get(namespace, name)
    if obj is None or obj["metadata"]["uid"] != uid:
        await objects.catch_up()
        obj = objects.lister.get(namespace, name)
    if obj is None:
        return None
    key = objects.cache.key(namespace, name)
    entry = objects.cache.get(key)
    # If the entry is newer than the object that was read, the result must not be cached.
    same = entry is not None and str(entry.revision) == obj["metadata"]["resourceVersion"]
    needs.append(Dependency(objects.cache, key, entry, ends=not same or bool(find_deletion_time(obj))))
    return obj


def find_deletion_time(obj: JsonObject) -> str:
    """Return the deletion timestamp, or ""."""
    return obj["metadata"].get("deletionTimestamp") or ""


def has_ended(obj: JsonObject) -> bool:
    """Whether the deletion timestamp is past. Finalizers may keep the object longer."""
    at = find_deletion_time(obj)
    return bool(at) and timestamps.seconds(at) < time.time() - LEEWAY_SECONDS
