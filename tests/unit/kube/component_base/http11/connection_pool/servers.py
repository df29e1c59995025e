"""Servers that say exactly what a test says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

from kprov.kube.component_base.http11.connection_pool import ConnectionPool

SECONDS: Final = 10.0
HOST: Final = {"Host": "server"}
EMPTY: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Peer:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def read_request(self) -> bytes:
        """The head and the body. b"": the client has closed."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return b""
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length: "):
                return head + await self._reader.readexactly(int(line[16:]))
        return head

    async def answer(self, *responses: bytes) -> None:
        """A response for each request."""
        for response in responses:
            assert await self.read_request()
            self.writer.write(response)

    async def wait_until_closed(self) -> None:
        with contextlib.suppress(OSError):
            assert await self._reader.read(-1) == b""


class Server:
    """Serves each connection with the next script. done: all scripts have ended."""

    def __init__(self, scripts: tuple[Callable[[Peer], Awaitable[None]], ...]) -> None:
        self._scripts = list(scripts)
        self._running = len(scripts)
        self.connections = 0
        self.errors: list[BaseException] = []
        self.done = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        script = self._scripts[self.connections]
        self.connections += 1
        try:
            await script(Peer(reader, writer))
        except BaseException as error:
            self.errors.append(error)
            raise
        finally:
            writer.close()
            self._running -= 1
            if not self._running:
                self.done.set()


Script = Callable[[Peer], Awaitable[None]]
Serve = Callable[..., Awaitable[tuple[ConnectionPool, Server]]]


def reply(*responses: bytes) -> Script:
    """Answers requests and closes after the last one."""

    async def script(peer: Peer) -> None:
        await peer.answer(*responses)

    return script


def reply_and_stay(*responses: bytes) -> Script:
    """Answers requests and waits until the client closes."""

    async def script(peer: Peer) -> None:
        await peer.answer(*responses)
        await peer.wait_until_closed()

    return script


async def disconnect(peer: Peer) -> None:
    """Close the connection when a request has arrived, without an answer."""
    assert await peer.read_request()


async def fetch(pool: ConnectionPool, method: str = "GET", **more: Any) -> bytes:
    async with asyncio.timeout(SECONDS), await pool.request(method, "/", HOST, **more) as response:
        return await response.read()
