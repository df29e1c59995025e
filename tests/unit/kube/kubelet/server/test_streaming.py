"""Streams between clients and a runtime: who reads slowly slows the other, who leaves leaves nothing behind."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from kprov.kube.kubelet.server import pass_through, streaming
from tests.unit.kube.http_server import served

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n"
SPDY = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
SOCKET = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "
)
#: More than the buffers of all sockets on the way take.
MANY = 64 * 1024 * 1024
Handle = Callable[[web.BaseRequest, str], Awaitable[web.StreamResponse]]


class Runtime:
    """Switches protocols once it may, and reads once it may."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.switches = asyncio.Event()
        self.reads = asyncio.Event()
        #: Of what it has read, at its end.
        self.read: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked.set()
        await self.switches.wait()
        writer.write(SWITCHED)
        await self.reads.wait()
        size, digest = 0, hashlib.md5()
        while data := await reader.read(1 << 20):
            size += len(data)
            digest.update(data)
        self.read.set_result((size, digest.hexdigest()))
        writer.close()


@asynccontextmanager
async def kubelet(runtime: Runtime, handle: Handle) -> AsyncIterator[int]:
    """The port of a kubelet in front of the runtime."""
    server = await asyncio.start_server(runtime.serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/x"
        async with served(lambda request: handle(request, url)) as port:
            yield port


async def test_a_runtime_that_does_not_read_holds_its_client() -> None:
    runtime = Runtime()
    runtime.switches.set()
    async with kubelet(runtime, pass_through.pass_through) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SPDY)
        assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        piece = bytes(range(256)) * 4096

        async def send() -> None:
            for _ in range(MANY // len(piece)):
                writer.write(piece)
                await writer.drain()

        sending = asyncio.ensure_future(send())
        done, _ = await asyncio.wait({sending}, timeout=1.0)
        assert not done, "the kubelet keeps what the runtime does not read"
        runtime.reads.set()
        await sending
        writer.close()
        digest = hashlib.md5()
        for _ in range(MANY // len(piece)):
            digest.update(piece)
        assert await runtime.read == (MANY, digest.hexdigest())


async def _exec(request: web.BaseRequest, url: str) -> web.StreamResponse:
    return await streaming.bridge_remote_command(
        request, url, stdin=True, stdout=True, stderr=False, tty=False
    )


async def _forward(request: web.BaseRequest, url: str) -> web.StreamResponse:
    return await streaming.bridge_port_forward(request, url)


@pytest.mark.parametrize(
    ("handle", "asks"),
    [
        pytest.param(_forward, SPDY, id="port forwarding by SPDY"),
        pytest.param(_forward, SOCKET + streaming.TUNNEL.encode() + b"\r\n\r\n", id="within a WebSocket"),
        pytest.param(_forward, SOCKET + b"v4.channel.k8s.io" + b"\r\n\r\n", id="by channels"),
        pytest.param(_exec, SPDY, id="exec by SPDY"),
        pytest.param(_exec, SOCKET + streaming.V5.encode() + b"\r\n\r\n", id="exec by channels"),
    ],
)
async def test_a_client_may_disconnect_while_the_runtime_prepares_the_stream(
    handle: Handle, asks: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = Runtime()
    runtime.reads.set()
    asked: list[web.BaseRequest] = []
    ended = asyncio.Event()

    async def handled(request: web.BaseRequest, url: str) -> web.StreamResponse:
        asked.append(request)
        try:
            return await handle(request, url)
        finally:
            ended.set()

    with caplog.at_level(logging.WARNING):
        async with kubelet(runtime, handled) as port, asyncio.timeout(10):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(asks)
            await runtime.asked.wait()
            writer.transport.abort()
            while asked[0].transport is not None:  # noqa: ASYNC110 (aiohttp tells nobody)
                await asyncio.sleep(0)
            runtime.switches.set()
            await ended.wait()
            await runtime.read
    assert caplog.records == []
