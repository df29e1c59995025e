"""A Storage that encrypts values before etcd and decrypts them after it."""

from __future__ import annotations

import logging
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Final

from kprov.kube.apiserver.storage.encryption import configuration
from kprov.kube.apiserver.storage.encryption.configuration import Transformers
from kprov.kube.apiserver.storage.encryption.transformers import PLAIN, Transformer, TransformError
from kprov.kube.apiserver.storage.interface import (
    Change,
    ChangeBatch,
    Guard,
    KeyChangedError,
    Page,
    Storage,
    Stored,
    UnreadableError,
)

log = logging.getLogger(__name__)

#: Finds (group, plural) of an etcd key; None for keys that no provider touches.
ResourceOf = Callable[[str], tuple[str, str] | None]
_NOWHERE: Final = b"?"
#: The approximate number of namespaces whose transformer is cached.
_PREFIXES: Final = 10_000


def wrap(options: Namespace, inner: Storage, resource_of: ResourceOf) -> Storage:
    """Wrap the storage if there is an --encryption-provider-config. Raise ConfigError."""
    path = options.encryption_provider_config
    return EncryptedStorage(inner, configuration.load(path), resource_of) if path else inner


class EncryptedStorage:
    """Callers read and write plain values. The transformers may change at any time."""

    def __init__(self, inner: Storage, transformers: Transformers, resource_of: ResourceOf) -> None:
        self._inner = inner
        self._transformers = transformers
        self._resource_of = resource_of
        self._by_prefix: dict[str, Transformer | None] = {}
        #: The header of each value in etcd, by key; only for keys with a transformer.
        self._headers: dict[str, bytes] = {}

    def set_transformers(self, transformers: Transformers) -> None:
        """Use other transformers. Values that they cannot decrypt have `error` set in lists."""
        self._transformers = transformers
        self._by_prefix.clear()

    def is_stale(self, key: str) -> bool:
        """Whether the value was encrypted with another key than the present one."""
        transformer = self._find_transformer(key)
        if transformer is None or transformer is PLAIN:
            return False
        return self._headers.get(key, _NOWHERE) != transformer.header

    async def get(self, key: str) -> Stored | None:
        """See Storage. Raise UnreadableError."""
        record = await self._inner.get(key)
        if record is None:
            return None
        opened = self._decrypt_stored(record)
        if opened.error:
            raise UnreadableError(key, opened.error)
        return opened

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        """See Storage. A value that cannot be decrypted is empty and has `error` set."""
        page = await self._inner.list(prefix, revision=revision, limit=limit, after=after)
        return Page([self._decrypt_stored(item) for item in page.items], page.revision, page.remaining)

    async def create(self, key: str, value: bytes, *, ttl: int = 0, guard: Guard | None = None) -> int:
        return await self._inner.create(key, self._encrypt(key, value), ttl=ttl, guard=guard)

    async def update(self, key: str, value: bytes, *, expected: int, ttl: int = 0) -> int:
        try:
            return await self._inner.update(key, self._encrypt(key, value), expected=expected, ttl=ttl)
        except KeyChangedError as error:
            raise self._convert_error(key, error) from None

    async def delete(self, key: str, *, expected: int, empty: str = "", also: str = "") -> int:
        try:
            return await self._inner.delete(key, expected=expected, empty=empty, also=also)
        except KeyChangedError as error:
            raise self._convert_error(key, error) from None

    async def current_revision(self) -> int:
        return await self._inner.current_revision()

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[ChangeBatch]:
        async for batch in self._inner.watch(prefix, after=after):
            changes = [self._decrypt_change(change) for change in batch.changes]
            yield ChangeBatch(changes, batch.revision)

    async def close(self) -> None:
        await self._inner.close()

    def _find_transformer(self, key: str) -> Transformer | None:
        cut = key.rfind("/")
        prefix = key[:cut]
        if prefix in self._by_prefix:
            return self._by_prefix[prefix]
        named = self._resource_of(key)
        transformer = None if named is None else self._transformers.find_transformer(*named)
        if len(self._by_prefix) > _PREFIXES:
            self._by_prefix.clear()
        self._by_prefix[prefix] = transformer
        return transformer

    def _encrypt(self, key: str, value: bytes) -> bytes:
        transformer = self._find_transformer(key)
        return value if transformer is None else transformer.seal(value, key.encode())

    def _decrypt(self, key: str, value: bytes) -> tuple[bytes, str]:
        """(value, error)."""
        transformer = self._find_transformer(key)
        if transformer is None:
            return value, ""
        try:
            opened, header = transformer.open(value, key.encode())
        except TransformError as error:
            log.error("%s cannot be decrypted: %s", key, error)  # noqa: TRY400  the message is enough
            return b"", str(error)
        if transformer is not PLAIN:
            self._headers[key] = header
        return opened, ""

    def _decrypt_stored(self, stored: Stored) -> Stored:
        if self._find_transformer(stored.key) is None:
            return stored
        value, error = self._decrypt(stored.key, stored.value)
        return replace(stored, value=value, error=error)

    def _decrypt_change(self, change: Change) -> Change:
        if change.value is None:
            self._headers.pop(change.key, None)
            return change
        if self._find_transformer(change.key) is None:
            return change
        value, error = self._decrypt(change.key, change.value)
        return replace(change, value=value, error=error)

    def _convert_error(self, key: str, error: KeyChangedError) -> Exception:
        if error.current is None:
            return error
        current = self._decrypt_stored(error.current)
        return UnreadableError(key, current.error) if current.error else KeyChangedError(key, current)
