"""The SPDY client against a server that answers as container runtimes do."""

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator

import pytest

from kprov.kube.component_base.spdy_dictionary import DICTIONARY
from kprov.kube.kubelet.server import spdy


def test_spdy_dictionary_is_that_of_the_draft() -> None:
    assert (len(DICTIONARY), zlib.adler32(DICTIONARY)) == (1423, 0xE3C6A7C2)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Upgrades, tells each stream its own headers, then gives back its data and its end."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"
        b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
    )
    unpack = zlib.decompressobj(zlib.MAX_WBITS, zdict=DICTIONARY)
    try:
        while True:
            first, second = struct.unpack("!II", await reader.readexactly(8))
            body = await reader.readexactly(second & 0xFFFFFF)
            if first & 0x80000000:
                number = struct.unpack("!I", body[:4])[0]
                headers = unpack.decompress(body[10:])
                writer.write(struct.pack("!II", number, len(headers)) + headers)
            else:
                writer.write(struct.pack("!II", first, second) + body)
    except asyncio.IncompleteReadError:
        writer.close()


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/exec/token?x=1"


async def test_spdy_streams_carry_headers_data_and_half_close(url: str) -> None:
    connection = await spdy.connect(url, "v4.channel.k8s.io")
    assert connection.protocol == "v4.channel.k8s.io"
    one = await connection.open_stream({"streamType": "stdin"})
    two = await connection.open_stream({"streamType": "error"})
    assert await one.read() == struct.pack("!I", 1) + b"\0\0\0\x0astreamtype\0\0\0\x05stdin"
    assert (await two.read()).endswith(b"error")
    await one.write(b"x" * 40_000)
    await one.close()
    assert await one.read_all() == b"x" * 40_000
    await connection.close()
    assert await two.read_all() == b""


async def test_spdy_refusal_raises_with_status_and_body() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\n\r\nno such thing")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(spdy.SpdyError, match="404 Not Found: no such thing"):
            await spdy.connect(f"http://127.0.0.1:{port}/", "v4.channel.k8s.io")
