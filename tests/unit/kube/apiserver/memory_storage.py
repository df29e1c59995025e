"""A Storage in memory: etcd's revisions and conditions without etcd, for tests of what stands on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from kprov.kube.apiserver.storage.interface import (
    Change,
    ChangeBatch,
    CompactedError,
    Guard,
    GuardError,
    KeyChangedError,
    KeyExistsError,
    NotEmptyError,
    Page,
    Stored,
)


class MemoryStorage:
    def __init__(self) -> None:
        self.revision = 1
        self.compacted = 0
        self.keys: dict[str, Stored] = {}
        self.changes: list[Change] = []
        self._news = asyncio.Condition()

    async def get(self, key: str) -> Stored | None:
        return self.keys.get(key)

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        if revision and revision < self.compacted:
            raise CompactedError(self.compacted)
        found = [self.keys[key] for key in sorted(self.keys) if key.startswith(prefix) and key > after]
        page = found[:limit] if limit else found
        return Page(page, revision or self.revision, len(found) - len(page))

    async def create(self, key: str, value: bytes, *, ttl: int = 0, guard: Guard | None = None) -> int:
        if key in self.keys:
            raise KeyExistsError(key)
        if guard is not None and (
            guard.key not in self.keys or self.keys[guard.key].created != guard.created
        ):
            raise GuardError(guard.key)
        return await self._write(key, value, is_create=True)

    async def update(self, key: str, value: bytes, *, expected: int, ttl: int = 0) -> int:
        self._expect(key, expected)
        return await self._write(key, value, is_create=False)

    async def delete(self, key: str, *, expected: int, empty: str = "", also: str = "") -> int:
        self._expect(key, expected)
        if empty and any(name.startswith(empty) for name in self.keys):
            raise NotEmptyError(empty)
        if also in self.keys:
            await self._write(also, None, is_create=False)
        return await self._write(key, None, is_create=False)

    async def current_revision(self) -> int:
        return self.revision

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[ChangeBatch]:
        position = after
        while True:
            if position < self.compacted:
                raise CompactedError(self.compacted)
            news = [each for each in self.changes if each.revision > position and each.key.startswith(prefix)]
            if news:
                position = news[-1].revision
                yield ChangeBatch(news, position)
            async with self._news:
                await self._news.wait_for(lambda: self.revision > position)  # noqa: B023

    def is_stale(self, key: str) -> bool:
        return False

    async def close(self) -> None:
        """Nothing to close."""

    def _expect(self, key: str, expected: int) -> None:
        current = self.keys.get(key)
        if current is None or current.revision != expected:
            raise KeyChangedError(key, current)

    async def _write(self, key: str, value: bytes | None, *, is_create: bool) -> int:
        self.revision += 1
        if value is None:
            del self.keys[key]
        else:
            created = self.revision if is_create else self.keys[key].created
            self.keys[key] = Stored(key, value, self.revision, created=created)
        self.changes.append(Change(key, value, self.revision, is_create))
        async with self._news:
            self._news.notify_all()
        return self.revision
