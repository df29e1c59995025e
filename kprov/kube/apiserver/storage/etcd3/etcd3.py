"""Storage on etcd: conditional transactions, paged ranges, leases for what expires, one watch stream each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import grpc.aio

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client
from kprov.kube.apiserver.storage.interface import (
    Change,
    ChangeBatch,
    CompactedError,
    FutureRevisionError,
    KeyChangedError,
    KeyExistsError,
    Page,
    Stored,
    UnavailableError,
)

log = logging.getLogger(__name__)

#: A lease is shared by all that is written within this many seconds, and lives that much longer.
LEASE_WINDOW_SECONDS: Final = 60
_PAGE: Final = 1000
_REVISION_PROBE: Final = pb.RangeRequest(key=b"\x00", count_only=True)
_DELETE: Final = pb.Event.DELETE


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all that start with `prefix`, for range_end; a zero byte when there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\x00"


class Etcd3:
    """kprov.kube.apiserver.storage.interface.Storage over one Client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._leases: dict[int, tuple[int, float]] = {}
        self._lease_lock = asyncio.Lock()
        self._running_probe: asyncio.Task[int] | None = None
        self._next_probe: asyncio.Task[int] | None = None

    async def get(self, key: str) -> Stored | None:
        answer, _ = await self._range(pb.RangeRequest(key=key.encode()))
        return _stored(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        start = after.encode() + b"\x00" if after else prefix.encode()
        end = prefix_end(prefix.encode())
        items: list[Stored] = []
        while True:
            size = min(_PAGE, limit - len(items)) if limit else _PAGE
            answer, _ = await self._range(
                pb.RangeRequest(key=start, range_end=end, limit=size, revision=revision)
            )
            items.extend(_stored(kv) for kv in answer.kvs)
            # The pages that follow must show the same instant.
            revision = revision or answer.header.revision
            if not answer.more or (limit and len(items) >= limit):
                return Page(items, revision, answer.count - len(answer.kvs))
            start = answer.kvs[-1].key + b"\x00"

    async def create(self, key: str, value: bytes, *, ttl: int = 0) -> int:
        put = pb.PutRequest(key=key.encode(), value=value, lease=await self._lease(ttl))
        succeeded, revision, current = await self._txn(put.key, 0, pb.RequestOp(request_put=put), value=value)
        if not succeeded:
            if current is None:
                return await self.create(key, value, ttl=ttl)
            raise KeyExistsError(key)
        return revision

    async def update(self, key: str, value: bytes, *, expected: int, ttl: int = 0) -> int:
        put = pb.PutRequest(key=key.encode(), value=value, lease=await self._lease(ttl))
        succeeded, revision, current = await self._txn(
            put.key, expected, pb.RequestOp(request_put=put), value=value
        )
        if not succeeded:
            raise KeyChangedError(key, current)
        return revision

    async def delete(self, key: str, *, expected: int) -> int:
        wanted = key.encode()
        operation = pb.RequestOp(request_delete_range=pb.DeleteRangeRequest(key=wanted))
        succeeded, revision, current = await self._txn(wanted, expected, operation, value=None)
        if not succeeded:
            raise KeyChangedError(key, current)
        return revision

    async def current_revision(self) -> int:
        """Shared: all who ask while one question is under way get the answer of the next."""
        if self._running_probe is None or self._running_probe.done():
            self._running_probe = asyncio.create_task(self._probe(None))
            return await asyncio.shield(self._running_probe)
        if self._next_probe is None:
            self._next_probe = asyncio.create_task(self._probe(self._running_probe))
        return await asyncio.shield(self._next_probe)

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[ChangeBatch]:
        key = prefix.encode() or b"\x00"
        position = after
        while True:
            create = pb.WatchCreateRequest(
                key=key,
                range_end=prefix_end(prefix.encode()),
                start_revision=position + 1,
                progress_notify=True,
                fragment=True,
            )
            member, moved = self._client.member, self._client.moved
            call = member.watch()
            breaker = asyncio.create_task(_cancel_when(moved, call))
            try:
                await call.write(pb.WatchRequest(create_request=create))
                async for answer in call:
                    if answer.canceled:
                        if answer.compact_revision:
                            raise CompactedError(answer.compact_revision)
                        break
                    batch = _batch(answer)
                    if not answer.fragment and not answer.created:
                        position = max(position, batch.revision)
                    if not answer.created:
                        yield batch
                reason = "watch ended"
            except grpc.aio.AioRpcError as error:
                reason = error.details() or error.code().name
            except asyncio.CancelledError:
                if not moved.is_set():
                    raise
                reason = "moved"
            finally:
                breaker.cancel()
                call.cancel()
            if not moved.is_set():
                self._client.move_from(member, reason)
            await asyncio.sleep(0.05)

    async def compact(self, revision: int) -> None:
        """Forget what was before `revision`; what has been forgotten already is no error."""
        try:
            await self._client.call("compact", pb.CompactionRequest(revision=revision))
        except grpc.aio.AioRpcError as error:
            if "compacted" not in (error.details() or ""):
                raise UnavailableError(f"etcd: {error.details()}") from error

    async def claim(self, key: str, version: int, value: bytes) -> tuple[bool, int, int]:
        """Write a key if it has been written `version` times; (done, times written now, etcd's revision)."""
        wanted = key.encode()
        request = pb.TxnRequest(
            compare=[pb.Compare(target=pb.Compare.VERSION, key=wanted, version=version)],
            success=[pb.RequestOp(request_put=pb.PutRequest(key=wanted, value=value))],
            failure=[pb.RequestOp(request_range=pb.RangeRequest(key=wanted))],
        )
        try:
            answer, _ = await self._client.call("txn", request)
        except grpc.aio.AioRpcError as error:
            raise UnavailableError(f"etcd: {error.details()}") from error
        if answer.succeeded:
            return True, version + 1, int(answer.header.revision)
        found = answer.responses[0].response_range.kvs
        return False, int(found[0].version) if found else 0, int(answer.header.revision)

    def is_stale(self, key: str) -> bool:
        del key
        return False

    async def close(self) -> None:
        await self._client.close()

    async def _probe(self, before: asyncio.Task[int] | None) -> int:
        if before is not None:
            await asyncio.wait((before,))
            self._running_probe, self._next_probe = self._next_probe, None
        answer, _ = await self._range(_REVISION_PROBE)
        return int(answer.header.revision)

    async def _range(self, request: pb.RangeRequest) -> tuple[Any, bool]:
        try:
            return await self._client.call("range", request)
        except grpc.aio.AioRpcError as error:
            text = error.details() or ""
            if "compacted" in text:
                raise CompactedError from error
            if "future revision" in text:
                raise FutureRevisionError(text) from error
            raise UnavailableError(f"etcd: {text}") from error

    async def _txn(
        self, key: bytes, expected: int, operation: pb.RequestOp, *, value: bytes | None
    ) -> tuple[bool, int, Stored | None]:
        request = pb.TxnRequest(
            compare=[pb.Compare(target=pb.Compare.MOD, key=key, mod_revision=expected)],
            success=[operation],
            failure=[pb.RequestOp(request_range=pb.RangeRequest(key=key))],
        )
        try:
            answer, repeated = await self._client.call("txn", request)
        except grpc.aio.AioRpcError as error:
            raise UnavailableError(f"etcd: {error.details()}") from error
        if answer.succeeded:
            return True, int(answer.header.revision), None
        found = answer.responses[0].response_range.kvs
        current = _stored(found[0]) if found else None
        if repeated:
            # The first try may have been done by a member that could not tell us any more.
            if current is not None and current.value == value:
                return True, current.revision, None
            if current is None and value is None:
                return True, int(answer.header.revision), None
        return False, int(answer.header.revision), current

    async def _lease(self, ttl: int) -> int:
        if not ttl:
            return 0
        async with self._lease_lock:
            lease, until = self._leases.get(ttl, (0, 0.0))
            if time.monotonic() < until:
                return lease
            answer, _ = await self._client.call(
                "lease_grant", pb.LeaseGrantRequest(ttl=ttl + LEASE_WINDOW_SECONDS)
            )
            self._leases[ttl] = (int(answer.id), time.monotonic() + LEASE_WINDOW_SECONDS)
            return int(answer.id)


async def _cancel_when(moved: asyncio.Event, call: Any) -> None:
    await moved.wait()
    call.cancel()


def _stored(kv: pb.KeyValue) -> Stored:
    return Stored(kv.key.decode(), kv.value, kv.mod_revision)


def _batch(answer: pb.WatchResponse) -> ChangeBatch:
    changes = []
    for event in answer.events:
        kv = event.kv
        gone = event.type == _DELETE
        changes.append(
            Change(
                kv.key.decode(errors="surrogateescape"),
                None if gone else kv.value,
                kv.mod_revision,
                not gone and kv.create_revision == kv.mod_revision,
            )
        )
    # A fragment is not complete up to the header's revision, its own last change is what is known.
    revision = changes[-1].revision if changes else answer.header.revision
    return ChangeBatch(changes, revision)


def parse_urls(servers: list[str]) -> list[str]:
    """Checked --etcd-servers. Raises ValueError."""
    with contextlib.suppress(StopIteration):
        wrong = next(url for url in servers if not re.fullmatch(r"https?://[^/]+/?", url))
        raise ValueError(f"--etcd-servers: {wrong} is no URL of the form https://HOST:PORT")
    if not servers:
        raise ValueError("--etcd-servers must be specified")
    return servers
