"""Storage on etcd: conditional transactions, paged ranges, leases for expiring keys, watches."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import AsyncIterator
from typing import Any, Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client
from kprov.kube.apiserver.storage.etcd3.fence import Fence
from kprov.kube.apiserver.storage.etcd3.leases import Leases
from kprov.kube.apiserver.storage.etcd3.revisions import Revisions
from kprov.kube.apiserver.storage.etcd3.watching import Watch, prefix_end
from kprov.kube.apiserver.storage.etcd3.write_outcome import UnknownOutcomeError, find_write_revision
from kprov.kube.apiserver.storage.interface import (
    ChangeBatch,
    CompactedError,
    FutureRevisionError,
    Guard,
    GuardError,
    KeyChangedError,
    KeyExistsError,
    NotEmptyError,
    Page,
    Stored,
    UnavailableError,
)
from kprov.kube.component_base.rpc.status import RpcError

log = logging.getLogger(__name__)

_PAGE: Final = 1000
#: The timeout in seconds for the size of the database, at a scrape.
_STATUS_SECONDS: Final = 2.0
_REVISION_PROBE: Final = pb.RangeRequest(key=b"\x00", count_only=True)


class Etcd3:
    """kprov.kube.apiserver.storage.interface.Storage over one Client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._leases = Leases(client)
        self._fence = Fence(client, self._leases)
        self._revisions = Revisions(self._read_revision)

    async def get(self, key: str) -> Stored | None:
        answer, _ = await self._range(pb.RangeRequest(key=key.encode()))
        return _build_stored(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        start = after.encode() + b"\x00" if after else prefix.encode()
        end = prefix_end(prefix.encode())
        items: list[Stored] = []
        while True:
            size = min(_PAGE, limit - len(items)) if limit else _PAGE
            answer, _ = await self._range(
                pb.RangeRequest(key=start, range_end=end, limit=size, revision=revision)
            )
            items.extend(_build_stored(kv) for kv in answer.kvs)
            # The next pages must have the same revision.
            revision = revision or answer.header.revision
            if not answer.more or (limit and len(items) >= limit):
                return Page(items, revision, answer.count - len(answer.kvs))
            start = answer.kvs[-1].key + b"\x00"

    async def create(self, key: str, value: bytes, *, ttl: int = 0, guard: Guard | None = None) -> int:
        wanted, lease = key.encode(), await self._get_lease(ttl)
        seen = self._client.revision
        fence = self._fence
        version = fence.version

        def request() -> pb.TxnRequest:
            nonlocal version
            version = fence.version
            return _build_creation(wanted, value, lease, fence, guard)

        async def again(seconds: float) -> pb.TxnRequest:
            await fence.raise_version(seconds)
            return request()

        repeated = False
        while True:
            try:
                answer, more = await self._client.call("txn", request(), again=again)
            except RpcError as error:
                raise UnavailableError(error.details) from error
            repeated = repeated or more
            if answer.succeeded:
                return int(answer.header.revision)
            key_values = answer.responses[0].response_range.kvs
            if key_values:
                current = _build_stored(key_values[0])
                revision = await self._find_outcome(wanted, value, current, 0, seen) if repeated else 0
                if revision:
                    return revision
                raise KeyExistsError(key)
            fence.update(answer.responses[1])
            if guard is not None and fence.version == version:
                raise GuardError(guard.key)
            # Another creation has raised the fence.

    async def update(self, key: str, value: bytes, *, expected: int, ttl: int = 0) -> int:
        request = _build_change(key.encode(), expected)
        put = request.success.add().request_put
        put.key, put.value, put.lease = key.encode(), value, await self._get_lease(ttl)
        succeeded, revision, current = await self._run_transaction(request, expected, value=value)
        if not succeeded:
            raise KeyChangedError(key, current)
        return revision

    async def delete(self, key: str, *, expected: int, empty: str = "", also: str = "") -> int:
        request = _build_change(key.encode(), expected)
        for deleted in filter(None, (key, also)):
            request.success.add().request_delete_range.key = deleted.encode()
        if empty:
            # Keys that do not exist have version 0. The condition is for each key of the range.
            start = empty.encode()
            request.compare.add(target=pb.Compare.VERSION, key=start, range_end=prefix_end(start), version=0)
        succeeded, revision, current = await self._run_transaction(request, expected, value=None)
        if not succeeded:
            if current is not None and current.revision == expected:
                raise NotEmptyError(empty)
            raise KeyChangedError(key, current)
        return revision

    async def current_revision(self) -> int:
        """See Storage. Concurrent callers share one request."""
        return await self._revisions.read_newest()

    def watch(self, prefix: str, *, after: int) -> AsyncIterator[ChangeBatch]:
        return Watch(self._client, prefix, after, self.current_revision).follow()

    async def compact(self, revision: int) -> None:
        """Compact to a revision. An already compacted revision is not an error."""
        try:
            await self._client.call("compact", pb.CompactionRequest(revision=revision))
        except RpcError as error:
            if "compacted" not in error.details:
                raise UnavailableError(error.details) from error

    async def write_if_version(self, key: str, version: int, value: bytes) -> tuple[bool, int, int]:
        """Write a key if its version is `version`; return (done, new version, etcd's revision)."""
        wanted = key.encode()
        request = pb.TxnRequest(
            compare=[pb.Compare(target=pb.Compare.VERSION, key=wanted, version=version)],
            success=[pb.RequestOp(request_put=pb.PutRequest(key=wanted, value=value))],
            failure=[pb.RequestOp(request_range=pb.RangeRequest(key=wanted))],
        )
        try:
            answer, _ = await self._client.call("txn", request)
        except RpcError as error:
            raise UnavailableError(error.details) from error
        if answer.succeeded:
            return True, version + 1, int(answer.header.revision)
        key_values = answer.responses[0].response_range.kvs
        return False, int(key_values[0].version) if key_values else 0, int(answer.header.revision)

    def is_stale(self, key: str) -> bool:
        del key
        return False

    async def read_size(self) -> int | None:
        """Return the size of the member's database in bytes; None without an answer in time."""
        try:
            answer, _ = await self._client.call("status", pb.StatusRequest(), seconds=_STATUS_SECONDS)
        except (UnavailableError, RpcError):
            return None
        return int(answer.db_size)

    async def close(self) -> None:
        await self._client.close()

    async def _read_revision(self) -> int:
        answer, _ = await self._range(_REVISION_PROBE)
        return int(answer.header.revision)

    async def _range(self, request: pb.RangeRequest) -> tuple[Any, bool]:
        try:
            return await self._client.call("range", request)
        except RpcError as error:
            text = error.details
            if "compacted" in text:
                raise CompactedError from error
            if "future revision" in text:
                raise FutureRevisionError(text) from error
            raise UnavailableError(text) from error

    async def _get_lease(self, ttl: int) -> int:
        try:
            return await self._leases.get(ttl)
        except RpcError as error:
            raise UnavailableError(error.details) from error

    async def _run_transaction(
        self, request: pb.TxnRequest, expected: int, *, value: bytes | None
    ) -> tuple[bool, int, Stored | None]:
        """Run a change of one key. Return whether it was done, the revision, and the present value if not."""
        key = request.compare[0].key
        seen = self._client.revision
        try:
            answer, repeated = await self._client.call("txn", request)
        except RpcError as error:
            raise UnavailableError(error.details) from error
        if answer.succeeded:
            return True, int(answer.header.revision), None
        key_values = answer.responses[0].response_range.kvs
        current = _build_stored(key_values[0]) if key_values else None
        revision = await self._find_outcome(key, value, current, expected, seen) if repeated else 0
        return bool(revision), revision or int(answer.header.revision), current

    async def _find_outcome(
        self, key: bytes, value: bytes | None, current: Stored | None, expected: int, seen: int
    ) -> int:
        """Return the revision of a write whose response was lost; 0 if it did not happen."""
        if current is not None and (current.revision <= seen or current.value == value):
            return 0 if current.revision <= seen else current.revision
        until = 0 if current is None or expected else current.revision
        try:
            return await find_write_revision(self._client, key, value, after=max(expected, seen), until=until)
        except UnknownOutcomeError as error:
            raise UnavailableError(str(error), ambiguous=True) from error


def _build_creation(key: bytes, value: bytes, lease: int, fence: Fence, guard: Guard | None) -> pb.TxnRequest:
    """Build the transaction in place, because protobuf copies messages that are assigned."""
    request = pb.TxnRequest()
    request.compare.add(target=pb.Compare.MOD, key=key, mod_revision=0)
    request.compare.append(fence.condition)
    put = request.success.add().request_put
    put.key, put.value, put.lease = key, value, lease
    request.failure.add().request_range.key = key
    request.failure.append(fence.query)
    if guard is not None:
        name = guard.key.encode()
        request.compare.add(target=pb.Compare.CREATE, key=name, create_revision=guard.created)
    return request


def _build_change(key: bytes, expected: int) -> pb.TxnRequest:
    """Return a transaction for a key that must have a revision, without its operation."""
    request = pb.TxnRequest()
    request.compare.add(target=pb.Compare.MOD, key=key, mod_revision=expected)
    request.failure.add().request_range.key = key
    return request


def _build_stored(kv: pb.KeyValue) -> Stored:
    return Stored(kv.key.decode(), kv.value, kv.mod_revision, created=kv.create_revision)


def parse_urls(servers: list[str]) -> list[str]:
    """Check --etcd-servers. Raise ValueError."""
    with contextlib.suppress(StopIteration):
        wrong = next(url for url in servers if not re.fullmatch(r"https?://[^/]+/?", url))
        raise ValueError(f"--etcd-servers: {wrong} is not a URL of the form https://HOST:PORT")
    if not servers:
        raise ValueError("--etcd-servers must be specified")
    return servers
