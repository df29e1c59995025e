"""What the API server asks of its database. Keys are upstream's: "/registry/pods/NAMESPACE/NAME".

Values are objects as JSON without metadata.resourceVersion: the revision of the key's last change is the
object's resourceVersion. Revisions are positive and shared by all keys. Source of the semantics: upstream
staging/src/k8s.io/apiserver/pkg/storage/interfaces.go and etcd's KV and Watch services.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """One key as it was at a revision. `error`: why its value could not be decrypted, which then is empty."""

    key: str
    value: bytes
    revision: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a prefix at one `revision`. `remaining`: how many keys follow the last item."""

    items: Sequence[Stored]
    revision: int
    remaining: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one key. `value` is None for a deletion; `error` as in Stored."""

    key: str
    value: bytes | None
    revision: int
    is_create: bool
    error: str = ""


@dataclass(frozen=True, slots=True)
class ChangeBatch:
    """Changes in order, complete up to `revision`; without changes it only says that time has passed."""

    changes: Sequence[Change]
    revision: int


class StorageError(Exception):
    """The database did not do it."""


class KeyExistsError(StorageError):
    """create() of a key that is there."""


class KeyChangedError(StorageError):
    """A conditional write met another revision. `current` is what is there now, None for nothing."""

    def __init__(self, key: str, current: Stored | None) -> None:
        super().__init__(f"{key} was changed by another")
        self.current = current


class CompactedError(StorageError):
    """The revision asked for is no longer kept. `oldest` is the first that is (0: unknown)."""

    def __init__(self, oldest: int = 0) -> None:
        super().__init__("required revision has been compacted")
        self.oldest = oldest


class FutureRevisionError(StorageError):
    """The revision asked for is ahead of the database."""


class UnreadableError(StorageError):
    """The value cannot be decrypted with the keys that the server has."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f'unable to transform key "{key}": {reason}')


class UnavailableError(StorageError):
    """No endpoint answered in time. A write may or may not have happened when `ambiguous`."""

    def __init__(self, text: str, *, ambiguous: bool = False) -> None:
        super().__init__(text)
        self.ambiguous = ambiguous


class Storage(Protocol):
    """All calls are linearizable unless a revision is named. Any may raise UnavailableError."""

    async def get(self, key: str) -> Stored | None:
        """The key now, None when it is not there."""

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        """Keys under a prefix in byte order, from the one that follows `after`; limit 0: all.

        Raises CompactedError, FutureRevisionError.
        """

    async def create(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        """Write a new key; gives its revision. ttl in seconds, 0: for ever. Raises KeyExistsError."""

    async def update(self, key: str, value: bytes, *, expected: int, ttl: int = 0) -> int:
        """Replace a key that is at revision `expected`; gives the new one. Raises KeyChangedError."""

    async def delete(self, key: str, *, expected: int) -> int:
        """Remove a key that is at revision `expected`; gives the deletion's. Raises KeyChangedError."""

    async def current_revision(self) -> int:
        """The revision of the newest committed change."""

    def watch(self, prefix: str, *, after: int) -> AsyncIterator[ChangeBatch]:
        """Changes whose revision is greater than `after`; survives a lost endpoint. Raises CompactedError.

        prefix "": all keys, so that every revision of the database arrives.
        """

    def is_stale(self, key: str) -> bool:
        """Whether an update must write the value although it is the same: it is in an old form."""

    async def close(self) -> None:
        """End all watches and connections."""
