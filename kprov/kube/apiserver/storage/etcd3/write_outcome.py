"""Find the outcome of a write without a response that was sent again, in the history of its key."""

from __future__ import annotations

import asyncio
from typing import Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import TIMED_OUT, Client
from kprov.kube.component_base.rpc.status import RpcError

_SECONDS: Final = 2.0


class UnknownOutcomeError(Exception):
    """The history does not show the outcome."""


async def find_write_revision(
    client: Client, key: bytes, value: bytes | None, *, after: int, until: int
) -> int:
    """Return the revision of the write, 0 if it did not happen. Raise UnknownOutcomeError.

    value: None for a deletion. after: a revision of the database before the write, at least the one that the
    write expects; the key changed since. until: for a creation the present revision of the key (another
    object of the name may have existed in between), else 0.
    """
    create = pb.WatchCreateRequest(key=key, start_revision=after + 1)
    call = client.member.watch()
    try:
        async with asyncio.timeout(_SECONDS):
            await call.write(pb.WatchRequest(create_request=create))
            async for answer in call:
                if answer.canceled:
                    raise UnknownOutcomeError("etcd: what became of a write has been compacted")
                for event in answer.events:
                    gone = event.type == pb.Event.DELETE
                    if (gone and value is None) or (not gone and event.kv.value == value):
                        return int(event.kv.mod_revision)
                    # A conditional write is the first change after the expected revision, or did not happen.
                    if event.kv.mod_revision >= until:
                        return 0
    except (TimeoutError, RpcError) as error:
        raise UnknownOutcomeError(TIMED_OUT) from error
    finally:
        call.cancel()
    raise UnknownOutcomeError(TIMED_OUT)
