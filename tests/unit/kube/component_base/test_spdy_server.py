"""The server's half of SPDY against the client's half."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator

import pytest

from kprov.kube.component_base.spdy import Connection, SpdyError
from kprov.kube.component_base.spdy_server import ServerConnection
from kprov.kube.component_base.tasks import start_task


class Pair:
    """A client and a server that are connected."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def read() -> bytes:
            return await reader.read(1000)

        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        self.server = ServerConnection(read, write)
        self.writer = writer
        self.client_writer: asyncio.StreamWriter
        self.client: Connection


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    accepted: asyncio.Queue[Pair] = asyncio.Queue()
    listener = await asyncio.start_server(lambda *ends: accepted.put_nowait(Pair(*ends)), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    made = await accepted.get()
    made.client_writer = writer
    made.client = Connection(reader, writer, "test")
    yield made
    await made.client.close()
    made.writer.close()
    listener.close()
    await asyncio.gather(made.writer.wait_closed(), writer.wait_closed(), return_exceptions=True)


async def test_streams_headers_data_and_half_close(pair: Pair) -> None:
    receiver = start_task(pair.server.receive(), "frames")
    first = await pair.client.open_stream({"streamType": "stdin", "x": "ü"})
    second = await pair.client.open_stream({"streamType": "error"})
    accepted = await pair.server.accept()
    other = await pair.server.accept()
    assert accepted is not None
    assert other is not None
    assert accepted.headers == {"streamtype": "stdin", "x": "ü"}
    assert other.headers == {"streamtype": "error"}
    await first.write(b"x" * 100_000)
    await first.close()
    assert await accepted.read_all() == b"x" * 100_000
    await other.write(b"y" * 40_000)
    await other.close()
    assert await second.read_all() == b"y" * 40_000
    await pair.client.close()
    await receiver
    assert await pair.server.accept() is None


async def test_a_client_that_disconnects_ends_its_streams(pair: Pair) -> None:
    receiver = start_task(pair.server.receive(), "frames")
    await pair.client.open_stream({"streamType": "stdin"})
    accepted = await pair.server.accept()
    assert accepted is not None
    await pair.client.close()
    assert await accepted.read() == b""
    await receiver


async def test_a_ping_is_answered(pair: Pair) -> None:
    receiver = start_task(pair.server.receive(), "frames")
    ping = struct.pack("!HHII", 0x8003, 6, 4, 7)
    pair.client_writer.write(ping)
    stream = await pair.client.open_stream({})
    assert await pair.server.accept() is not None
    await stream.close()
    await pair.client.close()
    await receiver


@pytest.mark.parametrize(
    "frame",
    [
        struct.pack("!HHI", 0x8002, 1, 0),
        struct.pack("!HHI", 0x8003, 1, 4) + bytes(4),
        struct.pack("!HHI", 0x8003, 1, 20) + bytes(20),
    ],
)
async def test_what_is_not_spdy(pair: Pair, frame: bytes) -> None:
    pair.client_writer.write(frame)
    with pytest.raises(SpdyError):
        await pair.server.receive()
