"""Streams between clients and a runtime: who reads slowly slows the other, who leaves leaves nothing behind."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.kubelet.server import pass_through, streaming
from tests.unit.kube import hostile_server
from tests.unit.kube.hostile_server import BOUND, hostile
from tests.unit.kube.http_server import listening
from tests.unit.kube.spdy_server import SpdyServer

SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n"
SPDY = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
SOCKET = (
    b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: "
)
#: More than the buffers of all sockets on the way take.
MANY = 64 * 1024 * 1024
Handle = Callable[[Request, str], Awaitable[BaseResponse]]


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
        async with listening(lambda request: handle(request, url)) as port:
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


async def _exec(request: Request, url: str) -> BaseResponse:
    return await streaming.bridge_remote_command(
        request, url, stdin=True, stdout=True, stderr=False, tty=False
    )


async def _forward(request: Request, url: str) -> BaseResponse:
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
    asked: list[Request] = []
    ended = asyncio.Event()

    async def handled(request: Request, url: str) -> BaseResponse:
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
            # The listener cancels the handler.
            await ended.wait()
            runtime.switches.set()
            await runtime.read
    assert caplog.records == []


@asynccontextmanager
async def channels(handle: Handle, path: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket of the newest subprotocol to a kubelet in front of a runtime that speaks SPDY."""
    server = await asyncio.start_server(SpdyServer().serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}{path}"
        async with (
            listening(lambda request: handle(request, url)) as port,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/", protocols=[streaming.V5]) as socket,
            asyncio.timeout(20),
        ):
            assert socket.protocol == streaming.V5
            yield socket


async def _collect(socket: aiohttp.ClientWebSocketResponse) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    async for message in socket:
        found[message.data[0]] = found.get(message.data[0], b"") + message.data[1:]
    return found


async def test_exec_by_channels_sends_input_and_gets_output_and_status() -> None:
    async with channels(_exec, "/cat") as socket:
        await socket.send_bytes(b"\0" + bytes(range(256)) * 1000)
        await socket.send_bytes(b"\xff\0")
        found = await _collect(socket)
        assert found[1] == bytes(range(256)) * 1000
        assert b"status" in found[3]
        assert socket.close_code == 1000


async def test_much_output_by_channels_arrives_whole() -> None:
    async with channels(_exec, "/big") as socket:
        assert (await _collect(socket))[1] == bytes(8_000_000)


async def test_a_terminal_gets_its_size() -> None:
    async def attach(request: Request, url: str) -> BaseResponse:
        return await streaming.bridge_remote_command(
            request, url, stdin=True, stdout=True, stderr=True, tty=True
        )

    async with channels(attach, "/cat") as socket:
        await socket.send_bytes(b'\4{"Width":80,"Height":24}\n')
        await socket.send_bytes(b"\xff\0")
        assert (await _collect(socket))[1].startswith(b'<{"Width":80,"Height":24}\n>')


async def test_a_client_that_closes_ends_exec_by_channels() -> None:
    ended = asyncio.Event()

    async def handle(request: Request, url: str) -> BaseResponse:
        try:
            return await _exec(request, url)
        finally:
            ended.set()

    async with channels(handle, "/cat") as socket:
        await socket.receive()
        assert await socket.close()
        await ended.wait()


async def test_a_tunnel_carries_bytes_in_both_directions() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHED)
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/forward"
        async with (
            listening(lambda request: _forward(request, url)) as port,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"http://127.0.0.1:{port}/", protocols=[streaming.TUNNEL]) as socket,
            asyncio.timeout(20),
        ):
            await socket.send_bytes(bytes(300_000))
            found = b""
            while len(found) < 300_000:
                found += (await socket.receive()).data
            assert found == bytes(300_000)


@pytest.mark.parametrize("handle", [_exec, _forward])
@pytest.mark.parametrize("name", hostile_server.HEADS)
async def test_a_hostile_runtime_is_a_clear_error(name: str, handle: Handle) -> None:
    trick, text = hostile_server.HEADS[name]
    async with hostile(trick) as server:
        url = f"http://127.0.0.1:{server.port}/x"
        async with listening(lambda request: handle(request, url)) as port, asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(SPDY)
            assert b" 500 " in await reader.readuntil(b"\r\n\r\n")
            assert text in (await reader.readuntil(b"\n")).decode()
            writer.close()
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND
