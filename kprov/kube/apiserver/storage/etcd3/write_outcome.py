"""What became of a write that was sent twice, the first time without an answer: the key's history knows."""

from __future__ import annotations

import asyncio
from typing import Final

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import TIMED_OUT, Client
from kprov.kube.component_base.rpc.status import RpcError

_SECONDS: Final = 2.0


class UnknownOutcomeError(Exception):
    """The history did not tell."""


async def find_write_revision(
    client: Client, key: bytes, value: bytes | None, *, after: int, until: int
) -> int:
    """The revision at which the write happened, 0 when it did not.

    value: None for a deletion. after: a revision that the database was at before the write was sent, and that
    the write was conditional on; the key has changed since. until: 0, or, of a creation, the revision of the
    key now: an object of that name may have come and gone meanwhile. Raises UnsettledError.
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
                    # A write that depends on an earlier state is the first change after it, or none.
                    if event.kv.mod_revision >= until:
                        return 0
    except (TimeoutError, RpcError) as error:
        raise UnknownOutcomeError(TIMED_OUT) from error
    finally:
        call.cancel()
    raise UnknownOutcomeError(TIMED_OUT)
