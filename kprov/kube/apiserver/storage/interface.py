"""The interface of the database. Keys are upstream's: "/registry/pods/NAMESPACE/NAME".

Values are objects as JSON without metadata.resourceVersion: the revision of the key's last change is the
object's resourceVersion. Revisions are positive and shared by all keys. Source of the semantics: upstream
staging/src/k8s.io/apiserver/pkg/storage/interfaces.go and etcd's KV and Watch services.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stored:
    """One key at a revision.

    `error`: why the value could not be decrypted; the value is then empty. `created`: the revision of the
    key's creation; 0 if it is not known.
    """

    key: str
    value: bytes
    revision: int
    error: str = ""
    created: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Guard:
    """A key that must still be the one that was created at a revision.

    etcd reads its value at each comparison, so it should be small.
    """

    key: str
    created: int


@dataclass(frozen=True, slots=True)
class Page:
    """Keys under a prefix at one `revision`. `remaining`: how many keys follow the last item."""

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
    """Changes in order, complete up to `revision`. It may have none."""

    changes: Sequence[Change]
    revision: int


class StorageError(Exception):
    """An operation failed."""


class KeyExistsError(StorageError):
    """create() of an existing key."""


class KeyChangedError(StorageError):
    """The key has another revision than expected. `current`: the present value, None if it is deleted."""

    def __init__(self, key: str, current: Stored | None) -> None:
        super().__init__(f"{key} was changed by another")
        self.current = current


class GuardError(StorageError):
    """The key of a guard was deleted, and perhaps created again."""


class NotEmptyError(StorageError):
    """There are keys below a prefix that must be empty."""


class CompactedError(StorageError):
    """The requested revision is compacted. `oldest`: the first available one (0: unknown)."""

    def __init__(self, oldest: int = 0) -> None:
        super().__init__("required revision has been compacted")
        self.oldest = oldest


class FutureRevisionError(StorageError):
    """The requested revision is newer than the database."""


class UnreadableError(StorageError):
    """The value cannot be decrypted with the server's keys."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f'unable to transform key "{key}": {reason}')


class UnavailableError(StorageError):
    """No endpoint answered in time. ambiguous: the write may have happened."""

    def __init__(self, text: str, *, ambiguous: bool = False) -> None:
        super().__init__(text)
        self.ambiguous = ambiguous


class Storage(Protocol):
    """All calls without a revision are linearizable. Each may raise UnavailableError."""

    async def get(self, key: str) -> Stored | None:
        """Return the present value of a key, None if it does not exist."""

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        """Keys under a prefix in byte order, starting after `after`. limit: 0 for all.

        Raise CompactedError, FutureRevisionError.
        """

    async def create(self, key: str, value: bytes, *, ttl: int = 0, guard: Guard | None = None) -> int:
        """Create a key; return its revision. ttl: seconds, 0 for no expiry.

        Raise KeyExistsError, GuardError.
        """

    async def update(self, key: str, value: bytes, *, expected: int, ttl: int = 0) -> int:
        """Update a key with revision `expected`; return the new revision. Raise KeyChangedError."""

    async def delete(self, key: str, *, expected: int, empty: str = "", also: str = "") -> int:
        """Delete a key with revision `expected`; return the deletion's revision.

        empty: a prefix below which there must be no keys. also: another key that is deleted, if it exists.
        Raise KeyChangedError, NotEmptyError.
        """

    async def current_revision(self) -> int:
        """Return the revision of the newest committed change."""

    def watch(self, prefix: str, *, after: int) -> AsyncIterator[ChangeBatch]:
        """Yield the changes after revision `after`, also after a failover. Raise CompactedError.

        prefix: "" for all keys, so that every revision of the database arrives.
        """

    def is_stale(self, key: str) -> bool:
        """Whether an update must write an unchanged value, because it is encrypted with an old key."""

    async def close(self) -> None:
        """End all watches and connections."""
