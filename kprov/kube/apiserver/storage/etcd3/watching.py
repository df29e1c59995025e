"""A watch that lasts: from member to member, each change once and in order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client, Member
from kprov.kube.apiserver.storage.interface import Change, ChangeBatch, CompactedError, StorageError
from kprov.kube.component_base.backoff import Backoff
from kprov.kube.component_base.rpc.status import RpcError

_DELETE: Final = pb.Event.DELETE
#: A member that knows no leader ends the watch instead of being silent.
_NEEDS_LEADER: Final = (("hasleader", "true"),)
#: A watch that is silent for so long is compared with what the cluster says.
_QUIET_SECONDS: Final = 1.0


def prefix_end(prefix: bytes) -> bytes:
    """The first key after all that start with `prefix`, for range_end; a zero byte when there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\x00"


class Watch:
    """All changes under a prefix. `newest` gives the cluster's revision, by a member that answers."""

    def __init__(self, client: Client, prefix: str, after: int, newest: Callable[[], Awaitable[int]]) -> None:
        self._client = client
        self._key = prefix.encode() or b"\x00"
        self._end = prefix_end(prefix.encode())
        self._newest = newest
        #: Everything up to here has been given.
        self._position = after
        self._heard = time.monotonic()

    async def follow(self) -> AsyncIterator[ChangeBatch]:
        """Without end. Raises CompactedError."""
        # A cluster without a leader refuses watches at once.
        pause = Backoff(initial=0.05, maximum=0.3, reset_after=3.0)
        while True:
            member, moved = self._client.member, self._client.moved
            call = member.watch(metadata=_NEEDS_LEADER)
            guards = (
                asyncio.create_task(_cancel_when(moved, call)),
                asyncio.create_task(self._check_progress(member, moved)),
            )
            try:
                async for batch in self._read_call(call):
                    yield batch
                reason = "watch ended"
            except RpcError as error:
                reason = error.details or error.code.name
            finally:
                for guard in guards:
                    guard.cancel()
                call.cancel()
            if not moved.is_set():
                self._client.switch_member(member, reason)
            await asyncio.sleep(pause.next())

    async def _read_call(self, call: Any) -> AsyncIterator[ChangeBatch]:
        """What one call gives. A batch of several parts is one: only whole does it have a position."""
        create = pb.WatchCreateRequest(
            key=self._key,
            range_end=self._end,
            start_revision=self._position + 1,
            progress_notify=True,
            fragment=True,
        )
        await call.write(pb.WatchRequest(create_request=create))
        changes: list[Change] = []
        async for answer in call:
            self._heard = time.monotonic()
            if answer.canceled:
                if answer.compact_revision:
                    raise CompactedError(answer.compact_revision)
                return
            if answer.created:
                continue
            changes += [_build_change(event) for event in answer.events]
            if answer.fragment:
                continue
            # Of changes from the past, the header's revision is newer than what has been sent.
            revision = changes[-1].revision if changes else answer.header.revision
            self._position = max(self._position, revision)
            yield ChangeBatch(changes, revision)
            changes = []

    async def _check_progress(self, member: Member, moved: asyncio.Event) -> None:
        """Leave a member whose watch does not give what has happened; one that is cut off says nothing."""
        while not moved.is_set():
            await asyncio.sleep(_QUIET_SECONDS)
            if time.monotonic() - self._heard < _QUIET_SECONDS:
                continue
            with contextlib.suppress(StorageError):
                revision = await self._newest()
                behind = self._position < revision
                if behind:
                    await asyncio.sleep(_QUIET_SECONDS)
                if behind and self._position < revision:
                    self._client.switch_member(member, "its watch is behind")


async def _cancel_when(moved: asyncio.Event, call: Any) -> None:
    await moved.wait()
    call.cancel()


def _build_change(event: pb.Event) -> Change:
    kv = event.kv
    gone = event.type == _DELETE
    return Change(
        kv.key.decode(errors="surrogateescape"),
        None if gone else kv.value,
        kv.mod_revision,
        not gone and kv.create_revision == kv.mod_revision,
    )
