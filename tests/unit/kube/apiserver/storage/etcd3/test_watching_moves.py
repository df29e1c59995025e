"""A watch follows its client from a member that takes connections and says nothing to one that answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

from kprov.kube.apiserver.storage.etcd3 import etcd_pb2 as pb
from kprov.kube.apiserver.storage.etcd3.client import Client, TlsFiles
from kprov.kube.apiserver.storage.etcd3.etcd3 import Etcd3
from kprov.kube.apiserver.storage.interface import ChangeBatch


async def _watch(requests: AsyncIterator[pb.WatchRequest], _: Any) -> AsyncIterator[Any]:
    """etcd's Watch, with one change at the revision asked for."""
    async for request in requests:
        revision = request.create_request.start_revision
        yield pb.WatchResponse(created=True)
        kv = pb.EventKeyValue(key=b"/registry/x", value=b"{}", mod_revision=revision)
        yield pb.WatchResponse(events=[pb.Event(type=pb.Event.PUT, kv=kv)])


@pytest.fixture
async def answering() -> AsyncIterator[str]:
    server = grpc.aio.server()
    handler = grpc.stream_stream_rpc_method_handler(
        _watch, pb.WatchRequest.FromString, pb.WatchResponse.SerializeToString
    )
    service = grpc.method_handlers_generic_handler("etcdserverpb.Watch", {"Watch": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"http://127.0.0.1:{port}"
    await server.stop(None)


async def test_a_watch_that_waits_for_its_connection_moves_too(answering: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client([f"http://127.0.0.1:{silent.getsockname()[1]}", answering], TlsFiles())
        storage = Etcd3(client)
        first: asyncio.Task[ChangeBatch] = asyncio.create_task(_first(storage))
        # The kernel takes the connection; the watch then waits for what HTTP/2 begins with.
        while not await asyncio.to_thread(_asked, silent):
            pass
        client.switch_member(client.member, "no answer in time")
        batch = await asyncio.wait_for(first, 10)
        await storage.close()
    assert [change.revision for change in batch.changes] == [8]


async def _first(storage: Etcd3) -> ChangeBatch:
    async for batch in storage.watch("/registry/", after=7):
        return batch
    raise AssertionError


def _asked(silent: socket.socket) -> bool:
    """Whether a client connected; it stays connected, unanswered."""
    silent.settimeout(1)
    try:
        silent.accept()[0].detach()
    except TimeoutError:
        return False
    return True
