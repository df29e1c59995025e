"""All watch caches, which one watch over the whole database updates.

One watch for all resources sees every revision. So one comparison shows whether the cache is as new as etcd,
no progress requests are needed, and an idle server has one idle stream.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
from collections.abc import Iterable
from typing import Final

from kprov.kube.apiserver.cacher import keys
from kprov.kube.apiserver.cacher.cache import ResourceCache
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
#: How many seconds a read waits for the cache, as upstream's blockTimeout.
FRESH_SECONDS: Final = 3.0
_LOADING_SECONDS: Final = 10.0


class NotFreshError(Exception):
    """The cache did not reach the revision in time."""


class Cacher:
    """The caches by key prefix and their common revision."""

    def __init__(self, storage: Storage, caches: Iterable[ResourceCache]) -> None:
        self._storage = storage
        self._caches = {cache.prefix: cache for cache in caches}
        #: The caches have all changes up to this revision.
        self.revision = 0
        self.loaded = asyncio.Event()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    @property
    def caches(self) -> list[ResourceCache]:
        return list(self._caches.values())

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
        by_cache: dict[str, list[Stored]] = {prefix: [] for prefix in self._caches}
        after, revision = "", 0
        while True:
            page = await self._storage.list(keys.ROOT, revision=revision, limit=_PAGE, after=after)
            revision = page.revision
            for item in page.items:
                cache = self._find_cache(item.key)
                if cache is not None:
                    by_cache[cache.prefix].append(item)
            if not page.remaining:
                break
            after = page.items[-1].key
        self.revision = revision
        for prefix, items in by_cache.items():
            self._caches[prefix].replace(items, revision)
        self.loaded.set()
        self._wake_waiters()

    async def read_again(self) -> None:
        """Read the values again that could not be decrypted, after a change of the encryption keys."""
        for cache in self._caches.values():
            for key in list(cache.unreadable):
                try:
                    found = await self._storage.get(key)
                except StorageError as error:
                    log.warning("%s", error)
                    continue
                if found is not None and key in cache.unreadable:
                    cache.apply(Change(key, found.value, found.revision, is_create=False))

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
            if cache is not None:
                cache.received += 1
                cache.apply(change)
        self.revision = max(self.revision, batch.revision)
        self._wake_waiters()

    def _wake_waiters(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.revision:
            future = heapq.heappop(self._waiting)[2]
            if not future.done():
                future.set_result(None)
