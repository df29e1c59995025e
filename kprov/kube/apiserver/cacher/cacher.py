"""All watch caches, which one watch over the whole database updates.

One watch for all resources sees every revision. So one comparison shows whether the cache is as new as etcd,
no progress requests are needed, and an idle server has one idle stream.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Iterable, Sequence
from typing import Final

from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.cacher.cache import ResourceCache
from kprov.kube.apiserver.cacher.entry import Entry
from kprov.kube.apiserver.storage.interface import (
    Change,
    ChangeBatch,
    CompactedError,
    Storage,
    StorageError,
    Stored,
)
from kprov.kube.component_base.backoff import Backoff

log = logging.getLogger(__name__)

_PAGE: Final = 500
#: Values of an added cache that are decoded in one step.
_DECODED_AT_ONCE: Final = 50
#: How many seconds a read waits for the cache, as upstream's blockTimeout.
FRESH_SECONDS: Final = 3.0
_LOADING_SECONDS: Final = 10.0


class NotFreshError(Exception):
    """The cache did not reach the revision in time."""


class Cacher:
    """The caches by key prefix and their common revision."""

    def __init__(
        self, storage: Storage, caches: Iterable[ResourceCache], *, first: ResourceCache | None = None
    ) -> None:
        """first: one of the caches, which is filled before the others because its listeners add caches."""
        self._storage = storage
        self._caches = {cache.prefix: cache for cache in caches}
        self._first = first
        #: By prefix of the caches that were added and are not filled: the changes meanwhile.
        self._postponed: dict[str, list[Change]] = {}
        #: By prefix of the caches that take the place of another one when they are filled.
        self._successors: dict[str, ResourceCache] = {}
        #: How often everything was read.
        self._loads = 0
        #: The caches have all changes up to this revision.
        self.revision = 0
        self.loaded = asyncio.Event()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @property
    def caches(self) -> list[ResourceCache]:
        return list(self._caches.values())

    def add(self, cache: ResourceCache) -> None:
        """Follow one more resource from now on. `fill` reads the objects that it has already.

        If another cache has the prefix, that one goes on following until this one is filled.
        """
        if cache.prefix in self._caches:
            self._successors[cache.prefix] = cache
        else:
            self._caches[cache.prefix] = cache
        self._postponed[cache.prefix] = []

    async def fill(self, cache: ResourceCache) -> bool:
        """Read the objects of an added cache, then apply the changes meanwhile. Raise StorageError.

        Return whether the cache has its place now. It has not if it was removed, or if another took it.
        """
        prefix = cache.prefix
        while self._is_followed(cache):
            loads = self._loads
            items, revision = await self._read(prefix)
            decoded = await _decode_ahead(cache, items)
            if not self._is_followed(cache):
                break
            is_successor = self._successors.get(prefix) is cache
            if loads != self._loads:
                if is_successor:
                    continue  # changes were lost while everything was read again
                return True
            changes = self._postponed.pop(prefix, None)
            if changes is None:
                return True
            if is_successor:
                del self._successors[prefix]
                self._caches[prefix] = cache
            cache.replace(items, revision, decoded)
            for change in changes:
                if change.revision > revision:
                    cache.apply(change)
            return True
        return False

    def _is_followed(self, cache: ResourceCache) -> bool:
        return cache in (self._successors.get(cache.prefix), self._caches.get(cache.prefix))

    def remove(self, cache: ResourceCache) -> None:
        """Stop following a resource, and end its watches."""
        prefix = cache.prefix
        if self._successors.get(prefix) is cache:
            del self._successors[prefix]
            self._postponed.pop(prefix, None)
        elif self._caches.get(prefix) is cache:
            del self._caches[prefix]
            if prefix in self._successors:
                self._caches[prefix] = self._successors.pop(prefix)
            else:
                self._postponed.pop(prefix, None)
        cache.is_removed = True
        for watcher in cache.list_watchers():
            cache.remove_watcher(watcher)
            watcher.sink.end("")

    async def run(self) -> None:
        """Fill the caches and follow changes until cancelled. Retry if etcd is unavailable."""
        backoff = Backoff(initial=0.2, maximum=2.0)
        while True:
            try:
                await self._load()
                backoff.reset()
                async for batch in self._storage.watch("", after=self.revision):
                    self._apply_batch(batch)
            except CompactedError:
                log.warning("fell behind etcd's compaction, reading everything again")
            except StorageError as error:
                log.warning("cannot read from etcd, trying again: %s", error)
                await asyncio.sleep(backoff.next())

    async def wait_for(self, revision: int, seconds: float = FRESH_SECONDS) -> None:
        """Wait until the caches have the revision. Raise NotFreshError."""
        if self.loaded.is_set() and self.revision >= revision:
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (revision, next(self._order), future))
        try:
            # Not asyncio.wait_for: it can lose a cancellation on Python 3.11.
            async with asyncio.timeout(seconds if self.loaded.is_set() else _LOADING_SECONDS):
                await future
        except TimeoutError:
            raise NotFreshError(f"at {self.revision}, wanted {revision}") from None

    async def wait_until_fresh(self) -> int:
        """Wait until the caches have etcd's present revision, and return it. Then reads are consistent.

        Raise UnavailableError, NotFreshError.
        """
        if not self.loaded.is_set():
            await self.wait_for(0)
        revision = await self._storage.current_revision()
        if revision > self.revision:
            await self.wait_for(revision)
        return self.revision

    async def _load(self) -> None:
        revision = 0
        if self._first is not None:
            items, revision = await self._read(self._first.prefix)
            self._first.replace(items, revision)
        items, revision = await self._read(keys.ROOT, revision)
        by_cache: dict[str, list[Stored]] = {prefix: [] for prefix in self._caches}
        for item in items:
            cache = self._find_cache(item.key)
            if cache is not None:
                by_cache[cache.prefix].append(item)
        del items
        self._loads += 1
        self._postponed = {prefix: [] for prefix in self._successors}
        self.revision = revision
        for prefix, own in by_cache.items():
            self._caches[prefix].replace(own, revision)
        self.loaded.set()
        self._wake_waiters()

    async def _read(self, prefix: str, revision: int = 0) -> tuple[list[Stored], int]:
        """Read all values below a prefix at a revision, 0 for the newest. Return them and the revision."""
        items: list[Stored] = []
        after = ""
        while True:
            page = await self._storage.list(prefix, revision=revision, limit=_PAGE, after=after)
            revision = page.revision
            items += page.items
            if not page.remaining:
                return items, revision
            after = page.items[-1].key

    async def read_again(self) -> None:
        """Read the values again that could not be decrypted, after a change of the encryption keys."""
        for cache in self._caches.values():
            for key in list(cache.unreadable):
                try:
                    record = await self._storage.get(key)
                except StorageError as error:
                    log.warning("%s", error)
                    continue
                if record is not None and key in cache.unreadable:
                    cache.apply(Change(key, record.value, record.revision, is_create=False))

    def _find_cache(self, key: str) -> ResourceCache | None:
        parts = key.split("/", 4)
        if len(parts) < 4 or parts[1] != "registry":
            return None
        cache = self._caches.get(f"/registry/{parts[2]}/")
        if cache is None and len(parts) > 4:
            cache = self._caches.get(f"/registry/{parts[2]}/{parts[3]}/")
        return cache

    def _apply_batch(self, batch: ChangeBatch) -> None:
        for change in batch.changes:
            cache = self._find_cache(change.key)
            # What an added cache has read is newer than the changes up to its floor.
            if cache is None or change.revision <= cache.floor:
                continue
            cache.received += 1
            postponed = self._postponed.get(cache.prefix)
            if postponed is not None:
                postponed.append(change)
            if postponed is None or cache.prefix in self._successors:
                cache.apply(change)
        self.revision = max(self.revision, batch.revision)
        self._wake_waiters()

    def _wake_waiters(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.revision:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)


async def _decode_ahead(cache: ResourceCache, items: Sequence[Stored]) -> dict[str, Entry | None]:
    """Decode values that a cache gets, and give way to requests: there may be many thousands."""
    decoded: dict[str, Entry | None] = {}
    for number, item in enumerate(items):
        if number % _DECODED_AT_ONCE == 0:
            await asyncio.sleep(0)
        decoded[item.key] = cache.decode_ahead(item)
    return decoded
