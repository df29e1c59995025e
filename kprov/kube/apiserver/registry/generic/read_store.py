"""Reads of stored objects, from the watch cache or from etcd."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self

from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.cacher import Cacher, NotFreshError
from kprov.kube.apiserver.cacher.watcher import Selection
from kprov.kube.apiserver.registry.generic.hooks import Hooks
from kprov.kube.apiserver.registry.generic.lister import Lister
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.storage.interface import (
    Storage,
    StorageError,
    Stored,
    UnavailableError,
    UnreadableError,
)
from kprov.kube.machinery import names, status
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.resources import Resource


def make_unavailable_error(error: StorageError) -> status.StatusError:
    """Return the error for a database that does not answer.

    As upstream, it shows the message of the database.
    """
    return status.failure(500, "", str(error))


def make_initializing_error() -> status.StatusError:
    """Return the error for a watch cache that is not filled yet."""
    return status.too_many_requests("storage is (re)initializing", 1)


class ReadStore:
    """The stored objects of one resource. All methods raise StatusError; callers may change what they get.

    `namespace` is "" for cluster-scoped resources.
    """

    def __init__(self, *, resource: Resource, storage: Storage, cacher: Cacher, cache: ResourceCache) -> None:
        self.resource = resource
        #: The resource that errors name: as the client requested it.
        self._requested = resource
        self.hooks = Hooks()
        self.cache = cache
        self.cacher = cacher
        self.lister = Lister(cache, cacher)
        self.storage = storage

    def with_resource(self, resource: Resource) -> Self:
        """Return the same store for clients of another of its versions or groups."""
        store = copy.copy(self)
        store._requested = resource
        return store

    async def catch_up(self) -> int:
        """Wait until the cache is as new as etcd. Returns its revision. Raises 504, 429 or 500 on timeout."""
        try:
            revision = await self.cacher.wait_until_fresh()
            if self.cache.is_removed:
                raise make_initializing_error()  # its kind was changed or removed during the request
            return revision
        except NotFreshError as error:
            if not self.cacher.loaded.is_set():
                raise make_initializing_error() from error
            raise status.timeout(f"the watch cache is behind: {error}", 1) from error
        except UnavailableError as error:
            raise make_unavailable_error(error) from error

    async def get(self, context: RequestContext, namespace: str, name: str) -> JsonObject:
        """Return the newest state. Raises NotFound."""
        del context
        await self.catch_up()
        entry = self.cache.get(self._key(namespace, name))
        if entry is None:
            raise self.make_not_found_error(namespace, name)
        obj = self.cache.decode(entry)
        self.hooks.decorate(obj)
        return obj

    def make_not_found_error(self, namespace: str, name: str) -> status.StatusError:
        """Return the error for an object that the cache does not have.

        NotFound; BadRequest for an invalid name; 500 for an object that cannot be decrypted.
        """
        why = names.is_path_segment_name(name)
        if why:
            return status.bad_request(f"Name parameter invalid: {status.quoted(name)}: {';'.join(why)}")
        key = self._key(namespace, name)
        reason = self.cache.unreadable.get(key)
        if reason is not None:
            return status.internal_error(str(UnreadableError(key, reason)))
        return status.not_found(self._requested, name)

    def check_readable(self) -> None:
        """Raise StatusError 500 if any object cannot be decrypted, because a list must be complete."""
        for key, reason in self.cache.unreadable.items():
            raise status.internal_error(str(UnreadableError(key, reason)))

    async def list(self, context: RequestContext, namespace: str = "") -> Sequence[JsonObject]:
        """All objects at least as new as now, of a namespace or of all ("")."""
        del context
        await self.catch_up()
        self.check_readable()
        return [self.cache.decode(entry) for entry in self.cache.select(Selection(namespace))]

    def _key(self, namespace: str, name: str) -> str:
        return self.cache.key(namespace, name)

    def _get_cached(self, key: str) -> Stored | None:
        entry = self.cache.get(key)
        return None if entry is None else Stored(key, self.cache.head + entry.tail, entry.revision)

    async def _read(self, key: str) -> Stored | None:
        try:
            return await self.storage.get(key)
        except UnavailableError as error:
            raise make_unavailable_error(error) from error
        except UnreadableError as error:
            raise status.internal_error(str(error)) from error

    def _decode(self, stored: Stored) -> JsonObject:
        try:
            obj = self.cache.decoder.decode_object(stored.key, stored.value)
        except ValueError as error:
            raise status.internal_error(str(UnreadableError(stored.key, str(error)))) from error
        obj["metadata"]["resourceVersion"] = str(stored.revision)
        return obj
