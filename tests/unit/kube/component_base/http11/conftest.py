"""A listener on a free port, and clients that say exactly what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from kprov.kube.component_base.http11 import connection as connections
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse

Handler = Callable[[Request], Awaitable[BaseResponse]]
_SECONDS = 10.0


@dataclass(slots=True)
class Client:
    """One connection, as bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def until(self, end: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(end), _SECONDS)

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(-1), _SECONDS)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers by their names in lower case, and the body that Content-Length or chunks say."""
        head = (await self.until(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip("\r\n").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int((await self.until(b"\r\n")), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            await self.until(b"\r\n")
        elif "content-length" in headers:
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(first.split()[1]), headers, body


Connect = Callable[..., Awaitable[Client]]


@pytest.fixture(autouse=True)
def short_lingering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_LINGER_SECONDS", 0.1)


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """connect(handler, **listener's): a client of a new listener with that handler."""
    made: list[tuple[Listener, Client]] = []

    async def connected(handler: Handler, **more: float) -> Client:
        listener = Listener(handler, **more)  # type: ignore[arg-type]
        await listener.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        client = Client(reader, writer)
        made.append((listener, client))
        return client

    yield connected
    for listener, client in made:
        client.writer.close()
        await listener.close()
