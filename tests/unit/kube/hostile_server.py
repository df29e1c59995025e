"""A server on loopback that breaks HTTP/1.1 or never ends, and counts what it could send."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain, repeat

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
_SLOW_SECONDS = 0.02
#: What a client reads at most of what it refuses or has no use for: the buffers of both sockets and its own.
BOUND = 24 * 1024 * 1024


def _one_by_one(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


@dataclass(frozen=True, slots=True)
class Trick:
    """pieces: what is sent, in order. pause: seconds after each piece. closes: afterwards, else it stays."""

    pieces: Callable[[], Iterator[bytes]]
    pause: float = 0.0
    closes: bool = False


def _endless(start: bytes, piece: bytes) -> Trick:
    return Trick(lambda: chain([start], repeat(piece)))


def _once(data: bytes) -> Trick:
    return Trick(lambda: iter([data]), closes=True)


#: Tricks in the head of a response, with a part of the error's text.
HEADS: dict[str, tuple[Trick, str]] = {
    "endless headers": (_endless(OK, b"X-More: and more\r\n" * 100), "response header is too large"),
    "endless line": (_endless(OK + b"X-Long: ", b"x" * 4096), "response header is too large"),
    "endless 1xx": (_endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), "too many 1xx"),
    "two lengths": (_once(OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "repeated Content-Length"),
    "length and chunks": (_once(OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"), "both"),
    "negative length": (_once(OK + b"Content-Length: -1\r\n\r\n"), "invalid Content-Length"),
    "huge length": (_once(OK + b"Content-Length: " + b"9" * 500 + b"\r\n\r\n"), "invalid Content-Length"),
    "folded line": (_once(OK + b"A: b\r\n c: d\r\n\r\n"), "malformed MIME header"),
    "another protocol": (_endless(b"SSH-2.0-OpenSSH_10.0\r\n\r\n", b"x" * 4096), "malformed HTTP response"),
    "nothing": (_once(b""), "EOF"),
    "half a head": (_once(OK + b"A: "), "unexpected EOF"),
}  # fmt: skip
#: Tricks in the body of a response that has begun well.
BODIES: dict[str, tuple[Trick, str]] = {
    "too short": (_once(OK + b"Content-Length: 10\r\n\r\nabc"), "unexpected EOF"),
    "no last chunk": (_once(CHUNKED + b"3\r\nabc\r\n"), "unexpected EOF"),
    "malformed chunk": (_once(CHUNKED + b"3\r\nabcd\r\n"), "malformed chunked encoding"),
    "chunks of nothing but extensions": (_endless(CHUNKED, b"1;" + b"x" * 2000 + b"\r\na\r\n"), "too much non-data"),
    "endless first line": (_endless(CHUNKED, b"1" * 4096), "header line too long"),
    "endless trailers": (_endless(CHUNKED + b"0\r\n", b"A: b\r\n"), "suspiciously long trailer"),
}  # fmt: skip
ENDLESS = {
    "chunks": _endless(CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n"),
    "bytes until the connection closes": _endless(OK + b"\r\n", b"x" * 4096),
    "an enormous length": _endless(OK + b"Content-Length: 999999999999\r\n\r\n", b"x" * 4096),
}
SILENT = Trick(lambda: iter(()))
SLOW_HEAD = Trick(lambda: chain(_one_by_one(OK), repeat(b"A: b\r\n")), pause=_SLOW_SECONDS)
SLOW_BODY = Trick(lambda: chain([CHUNKED], repeat(b"1\r\na\r\n")), pause=_SLOW_SECONDS)
#: More than it says: the rest belongs to no request.
TOO_LONG = Trick(lambda: chain([OK + b"Content-Length: 3\r\n\r\nabc"], repeat(b"x" * 4096)))


@dataclass(slots=True)
class HostileServer:
    """sent: bytes so far. requests: the heads that came. gone: the last client has disconnected."""

    trick: Trick
    port: int
    sent: int
    requests: list[bytes]
    gone: asyncio.Event

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            self.requests.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in self.trick.pieces():
                writer.write(piece)
                await writer.drain()
                self.sent += len(piece)
                await asyncio.sleep(self.trick.pause)
            if self.trick.closes:
                writer.write_eof()
            await reader.read()
        self.gone.set()
        writer.close()


@asynccontextmanager
async def hostile(trick: Trick) -> AsyncIterator[HostileServer]:
    """A server that answers each request with the trick."""
    server = HostileServer(trick, 0, 0, [], asyncio.Event())
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield server
