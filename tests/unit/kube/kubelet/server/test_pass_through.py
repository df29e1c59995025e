"""Upgrades that the kubelet passes through, with a runtime that speaks the older protocols itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.kubelet.server import streaming
from tests.unit.kube.http_server import listening, served

Handle = Callable[[Request, str], Awaitable[BaseResponse]]

#: What the streaming library of containerd and CRI-O speaks over WebSocket.
SUBPROTOCOLS = (
    "channel.k8s.io",
    "base64.channel.k8s.io",
    "v4.channel.k8s.io",
    "v4.base64.channel.k8s.io",
)


async def run_exec(request: Request, url: str) -> BaseResponse:
    return await streaming.bridge_remote_command(
        request, url, stdin=True, stdout=True, stderr=False, tty=False
    )


async def forward_ports(request: Request, url: str) -> BaseResponse:
    return await streaming.bridge_port_forward(request, url)


both = pytest.mark.parametrize("handle", [run_exec, forward_ports])


class Runtime:
    """Gives back each message; remembers the headers that it was asked with."""

    def __init__(self) -> None:
        self.asked: list[web.BaseRequest] = []

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append(request)
        offered = request.headers.get("Sec-WebSocket-Protocol", "")
        known = [each.strip() for each in offered.split(",") if each.strip() in SUBPROTOCOLS]
        if offered and not known:
            return web.Response(status=403, text="no such protocol\n", headers={"X-Said": "no"})
        socket = web.WebSocketResponse(protocols=known)
        await socket.prepare(request)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        return socket


@asynccontextmanager
async def kubelet(runtime: Runtime, handle: Handle) -> AsyncIterator[str]:
    """The URL of a kubelet in front of the runtime."""
    async with served(runtime.serve) as behind:
        url = f"http://127.0.0.1:{behind}/exec/token"
        async with listening(lambda request: handle(request, url)) as port:
            yield f"http://127.0.0.1:{port}/"


@both
@pytest.mark.parametrize("subprotocol", [*SUBPROTOCOLS, None])
async def test_older_subprotocols_pass_through_to_the_runtime(
    handle: Handle, subprotocol: str | None
) -> None:
    runtime = Runtime()
    async with (
        kubelet(runtime, handle) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=[subprotocol] if subprotocol else []) as socket,
        asyncio.timeout(10),
    ):
        assert socket.protocol == subprotocol
        await socket.send_bytes(b"\0" + bytes(100_000))
        assert await socket.receive_bytes() == b"\0" + bytes(100_000)
        await socket.send_str("0aGVsbG8=")
        assert await socket.receive_str() == "0aGVsbG8="
        await socket.close()
        assert socket.close_code == 1000


@both
async def test_refusal_of_the_runtime_passes_through(handle: Handle) -> None:
    async with kubelet(Runtime(), handle) as url, aiohttp.ClientSession() as session:
        asks = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        asks |= {
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol": "v2.channel.k8s.io",
        }
        async with session.get(url, headers=asks) as answer:
            assert (answer.status, await answer.text()) == (403, "no such protocol\n")
            assert answer.headers["X-Said"] == "no"
            assert len(answer.headers.getall("Date")) == 1


@both
async def test_chunked_refusal_of_the_runtime_is_decoded(handle: Handle) -> None:
    async def runtime(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n")
        writer.write(b"3\r\nno \r\n3\r\nway\r\n0\r\n\r\n")
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(runtime, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/exec/token"
        async with (
            listening(lambda request: handle(request, url)) as port,
            aiohttp.ClientSession() as session,
            session.post(
                f"http://127.0.0.1:{port}/", headers={"Connection": "Upgrade", "Upgrade": "SPDY/3.1"}
            ) as answer,
        ):
            assert (answer.status, await answer.text()) == (500, "no way")


@both
async def test_credentials_do_not_reach_the_runtime(handle: Handle) -> None:
    runtime = Runtime()
    async with (
        kubelet(runtime, handle) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(url, headers={"Authorization": "Bearer secret", "Cookie": "a=b"}) as socket,
    ):
        await socket.close()
    (asked,) = runtime.asked
    assert not {"Authorization", "Cookie"} & set(asked.headers)


@pytest.mark.parametrize("versions", [[], ["v4.channel.k8s.io", "v3.channel.k8s.io", "channel.k8s.io"]])
@both
async def test_spdy_protocol_versions_pass_through(handle: Handle, versions: list[str]) -> None:
    heads: list[bytes] = []

    async def runtime(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n")
        writer.write(b"X-Stream-Protocol-Version: chosen\r\n\r\nspdy")
        writer.close()

    server = await asyncio.start_server(runtime, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/exec/token"
        async with listening(lambda request: handle(request, url)) as port, asyncio.timeout(10):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            offers = "".join(f"X-Stream-Protocol-Version: {each}\r\n" for each in versions)
            head = f"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n{offers}\r\n"
            writer.write(head.encode())
            answer = await reader.read()
            writer.close()
    assert b"X-Stream-Protocol-Version: chosen\r\n" in answer
    assert answer.endswith(b"\r\n\r\nspdy")
    (asked,) = heads
    lines = asked.decode().split("\r\n")
    assert [line for line in lines if line.startswith("X-Stream")] == [
        f"X-Stream-Protocol-Version: {each}" for each in versions
    ]
