"""Requests that are forwarded to a backend: bodies in both directions, redirects, hostile backends."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from kprov.kube.apiserver.streaming import forward
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response, StreamResponse
from kprov.kube.machinery import status
from tests.unit.kube import hostile_server
from tests.unit.kube.hostile_server import BOUND, hostile

#: More than the buffers of all sockets on the way take.
MANY = 64 * 1024 * 1024
GET = b"GET /proxy/ HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n"
Handle = Callable[[Request], Awaitable[BaseResponse]]


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/login?x=1", "/proxy/login?x=1"),
        ("http://10.1.0.7:80/a", "/proxy/a"),
        ("http://elsewhere/a", "http://elsewhere/a"),
        ("next", "next"),
        ("/proxy/a", "/proxy/a"),
        ("/next/", "/proxy/next/"),
        ("http://api:6443/a", "http://api:6443/proxy/a"),
    ],
)
def test_redirects_within_the_backend_go_through_the_proxy(location: str, expected: str) -> None:
    assert forward.rewrite_location(location, "10.1.0.7:80", "api:6443", "/proxy") == expected


@asynccontextmanager
async def listening(handle: Handle) -> AsyncIterator[int]:
    listener = Listener(handle)
    await listener.start("127.0.0.1", 0)
    try:
        yield listener.port
    finally:
        await listener.close()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[int]:
    """The port of a server that forwards, and answers with the text of a refusal."""
    context = ssl.create_default_context()

    async def handle(request: Request) -> BaseResponse:
        url = urlsplit(f"http://127.0.0.1:{port}{request.raw_path.removeprefix('/proxy')}")
        try:
            return await forward.forward_request(request, url, "/proxy", context)
        except status.StatusError as error:
            return Response(status=error.code, text=error.message)

    async with listening(handle) as front:
        yield front


async def ask(port: int, data: bytes) -> bytes:
    """All that the server sends until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    async with asyncio.timeout(20):
        found = await reader.read()
    writer.close()
    return found


async def echo(request: Request) -> BaseResponse:
    framing = request.headers.get("Content-Length") or request.headers.get("Transfer-Encoding", "none")
    body = b"".join([piece async for piece in request.body.iter_any()])
    return Response(f"{request.method} {framing} ".encode() + body)


@pytest.mark.parametrize(
    ("request_lines", "expected"),
    [
        (b"GET /proxy/ HTTP/1.1\r\nHost: a\r\n\r\n", b"GET none "),
        (b"POST /proxy/ HTTP/1.1\r\nHost: a\r\n\r\n", b"POST 0 "),
        (b"PUT /proxy/ HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", b"PUT 3 abc"),
        (
            b"POST /proxy/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
            b"POST chunked abc",
        ),
    ],
)
async def test_a_body_arrives_with_the_framing_of_the_client(request_lines: bytes, expected: bytes) -> None:
    async with listening(echo) as behind, proxy_to(behind) as port:
        found = await ask(port, request_lines + GET)
        assert found.split(b"\r\n\r\n", 1)[1].startswith(expected + b"HTTP/1.1 200"), found


async def test_a_response_before_the_end_of_the_body_arrives_and_the_connection_stays() -> None:
    async def refuse(_: Request) -> BaseResponse:
        return Response(b"no", status=413)

    async with listening(refuse) as behind, proxy_to(behind) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /proxy/ HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        async with asyncio.timeout(10):
            assert b" 413 " in await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(2) == b"no"
            writer.write(b"def" + GET)
            assert b" 413 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def test_a_backend_that_does_not_read_holds_its_client() -> None:
    may_read = asyncio.Event()
    digest = hashlib.md5()

    async def slow(request: Request) -> BaseResponse:
        await may_read.wait()
        async for piece in request.body.iter_any():
            digest.update(piece)
        return Response(digest.hexdigest().encode())

    piece = bytes(range(256)) * 4096
    async with listening(slow) as behind, proxy_to(behind) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /proxy/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % MANY
        )

        async def send() -> None:
            for _ in range(MANY // len(piece)):
                writer.write(piece)
                await writer.drain()

        sending = asyncio.ensure_future(send())
        done, _ = await asyncio.wait({sending}, timeout=1.0)
        assert not done, "the proxy keeps what the backend does not read"
        may_read.set()
        await sending
        expected = hashlib.md5()
        for _ in range(MANY // len(piece)):
            expected.update(piece)
        assert (await reader.read()).endswith(expected.hexdigest().encode())
        writer.close()


async def test_a_client_that_does_not_read_holds_its_backend() -> None:
    async with hostile(hostile_server.ENDLESS["chunks"]) as server, proxy_to(server.port) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(1.0)
        assert server.sent < BOUND
        writer.transport.abort()
        # The backend's connection ends with the client's.
        await asyncio.wait_for(server.gone.wait(), 10)


async def test_a_client_that_leaves_ends_the_request_of_a_silent_backend() -> None:
    async with hostile(hostile_server.SILENT) as server, proxy_to(server.port) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        while not server.requests:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.01)
        writer.transport.abort()
        await asyncio.wait_for(server.gone.wait(), 10)


@pytest.mark.parametrize("name", hostile_server.HEADS)
async def test_a_hostile_head_is_an_unavailable_service(name: str) -> None:
    trick, text = hostile_server.HEADS[name]
    async with hostile(trick) as server, proxy_to(server.port) as port:
        answer = await ask(port, GET)
        assert answer.startswith(b"HTTP/1.1 503 "), answer
        assert b"error trying to reach service: " in answer
        assert text.encode() in answer
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND


@pytest.mark.parametrize("name", hostile_server.BODIES)
async def test_a_client_sees_that_a_hostile_body_is_incomplete(name: str) -> None:
    trick, _ = hostile_server.BODIES[name]
    async with hostile(trick) as server, proxy_to(server.port) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        found = b""
        # An aborted connection may look either way.
        try:
            async with asyncio.timeout(10):
                found = await reader.read()
        except ConnectionResetError:
            pass
        assert not found.endswith(b"0\r\n\r\n")
        if b"Content-Length: 10" in found:
            assert len(found.partition(b"\r\n\r\n")[2]) < 10
        await asyncio.wait_for(server.gone.wait(), 5)
        assert server.sent < BOUND
        writer.close()


async def test_a_stream_of_the_backend_arrives_piece_by_piece() -> None:
    seen = asyncio.Event()

    async def stream(request: Request) -> BaseResponse:
        response = StreamResponse()
        response.start(request)
        await response.write(b"one")
        await seen.wait()
        await response.write(b"two")
        return response

    async with listening(stream) as behind, proxy_to(behind) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET)
        async with asyncio.timeout(10):
            await reader.readuntil(b"one\r\n")
            seen.set()
            assert (await reader.read()).endswith(b"two\r\n0\r\n\r\n")
        writer.close()
