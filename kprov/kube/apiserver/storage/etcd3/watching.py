"""A watch that survives the loss of members: it yields each change once and in order."""

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
from kprov.kube.component_base.tasks import start_background_task

_DELETE: Final = pb.Event.DELETE
#: Metadata that makes a member without a leader end the watch.
_NEEDS_LEADER: Final = (("hasleader", "true"),)
#: After so many seconds without a response, the watch is compared with the cluster's revision.
_QUIET_SECONDS: Final = 1.0


def prefix_end(prefix: bytes) -> bytes:
    """Return the range_end for a prefix: the first key after it; a zero byte if there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else b"\x00"


class Watch:
    """All changes under a prefix. newest: returns the cluster's revision."""

    def __init__(self, client: Client, prefix: str, after: int, newest: Callable[[], Awaitable[int]]) -> None:
        self._client = client
        self._key = prefix.encode() or b"\x00"
        self._end = prefix_end(prefix.encode())
        self._newest = newest
        #: All changes up to this revision were yielded.
        self._position = after
        self._heard = time.monotonic()

    async def follow(self) -> AsyncIterator[ChangeBatch]:
        """Yield batches without end. Raise CompactedError."""
        # A cluster without a leader rejects watches immediately.
        pause = Backoff(initial=0.05, maximum=0.3, reset_after=3.0)
        while True:
            member, moved = self._client.member, self._client.moved
            call = member.watch(metadata=_NEEDS_LEADER)
            guards = (
                start_background_task(_cancel_when(moved, call), "change of the etcd member"),
                start_background_task(self._check_progress(member, moved), "progress of the etcd watch"),
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
        """Yield the batches of one call. Fragments of a batch are joined: only the whole has a revision."""
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
            # For past changes, the header's revision is newer than the sent ones.
            revision = changes[-1].revision if changes else answer.header.revision
            self._position = max(self._position, revision)
            yield ChangeBatch(changes, revision)
            changes = []

    async def _check_progress(self, member: Member, moved: asyncio.Event) -> None:
        """Switch from a member whose watch misses changes: an isolated member is silent."""
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
