"""The client against servers that send exactly what a test says, over a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.client import ClientConnection, target_of
from kprov.kube.component_base.http11.response_head import ResponseError, ResponseHead

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"
_UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1")]


@dataclass(slots=True)
class Server:
    """Sends `response` for a request's head and closes. closed: the client has closed, too."""

    response: bytes = b""
    piece: int = 1 << 20
    port: int = 0
    head: bytes = b""
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = await reader.readuntil(b"\r\n\r\n")
        # The client may close before it has read all.
        with contextlib.suppress(OSError):
            for at in range(0, len(self.response), self.piece):
                writer.write(self.response[at : at + self.piece])
                await asyncio.sleep(0)
            writer.write_eof()
            await reader.read()
        self.closed.set()
        writer.close()


Answer = Callable[..., Awaitable[tuple[ResponseHead, ClientConnection]]]


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    listener = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield served


@pytest.fixture
async def answer(server: Server) -> AsyncIterator[Answer]:
    """answer(response): the head that the client parses of it, and the connection."""
    opened: list[ClientConnection] = []

    async def send(response: bytes, *, piece: int = 1 << 20) -> tuple[ResponseHead, ClientConnection]:
        server.response, server.piece = response, piece
        connection = await ClientConnection.open(urlsplit(f"http://127.0.0.1:{server.port}/"))
        opened.append(connection)
        async with asyncio.timeout(10):
            return await connection.request("POST", "/exec?x=1", "a:1", _UPGRADE), connection

    yield send
    for connection in opened:
        connection.close()


async def read(head: ResponseHead, connection: ClientConnection) -> bytes:
    return b"".join([piece async for piece in connection.iter_body(head)])


async def test_client_sends_target_host_and_headers(server: Server, answer: Answer) -> None:
    await answer(_OK + b"\r\n")
    assert server.head == (
        b"POST /exec?x=1 HTTP/1.1\r\nHost: a:1\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["b\r\nC: d", "b\nC: d", "b\rC: d", "b\0"])
async def test_client_sends_no_header_with_a_line_break(server: Server, value: str) -> None:
    connection = await ClientConnection.open(urlsplit(f"http://127.0.0.1:{server.port}"))
    with pytest.raises(ValueError, match="line break"):
        await connection.request("GET", "/", "a", [("A", value)])
    assert server.head == b""
    assert connection.writer.is_closing()


@pytest.mark.parametrize("piece", [1, 1 << 20])
async def test_client_keeps_the_bytes_behind_101(answer: Answer, piece: int) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n\x80\x03"
    head, connection = await answer(switch, piece=piece)
    assert (head.status, head.headers["upgrade"]) == (101, "SPDY/3.1")
    assert await connection.reader.read(-1) == b"\x80\x03"


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    ("response", "body"),
    [
        (_OK + b"Content-Length: 3\r\n\r\nabcdef", b"abc"), (_OK + b"\r\nabc", b"abc"), (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
        (_CHUNKED + b"1\r\na\r\n2;x=y\r\nbc\r\n0\r\nX: y\r\n\r\nrest", b"abc"), (_OK + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc", b""), (b"HTTP/1.1 304 Not Modified\r\n\r\nabc", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + _OK + b"Content-Length: 1\r\n\r\na", b"a"),
    ],
)  # fmt: skip
async def test_client_reads_a_body_up_to_the_end_that_its_head_announces(
    answer: Answer, response: bytes, body: bytes, piece: int
) -> None:
    head, connection = await answer(response, piece=piece)
    async with asyncio.timeout(10):
        assert await read(head, connection) == body


@pytest.mark.parametrize(
    ("line", "reason"),
    [(b"HTTP/1.1 299 Very odd", "Very odd"), (b"HTTP/1.1 200 ", ""), (b"HTTP/1.1 200", ""), (b"HTTP/1.7 200 \xc3\xbc", "\xfc")],
)  # fmt: skip
async def test_client_accepts_a_status_line_with_any_reason_or_none(
    answer: Answer, line: bytes, reason: str
) -> None:
    head, _ = await answer(line + b"\r\n\r\n")
    assert head.reason == reason


@pytest.mark.parametrize("piece", [1, 1 << 20])
@pytest.mark.parametrize(
    ("response", "text"),
    [
        (b"SSH-2.0-OpenSSH_10.0\r\n\r\n", "malformed HTTP response 'SSH-2.0-OpenSSH_10.0'"), (b"\r\n", "malformed HTTP response ''"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "malformed HTTP response"), (b"HTTP/1.1  200 OK\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "malformed HTTP response"), (b"HTTP/1.1 099 OK\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 200 O\rK\r\n\r\n", "malformed HTTP response"), (b"http/1.1 200 OK\r\n\r\n", "malformed HTTP response"),
        (b"HTTP/1.1 200 OK\nA: b\n\n", "bare LF"), (_OK + b"A: b\nC: d\r\n\r\n", "bare LF"), (_OK + b"A: b\r\n\n", "bare LF"),
        (_OK + b"A: b\r\n c\r\n\r\n", "malformed MIME header"), (_OK + b"A : b\r\n\r\n", "malformed MIME header line: A : b"),
        (_OK + b"A\r\n\r\n", 'missing colon: "A"'), (_OK + b"A: \x00\r\n\r\n", "malformed MIME header"), (_OK + b": b\r\n\r\n", "malformed MIME header"),
        (_OK + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\na", "repeated Content-Length"), (_OK + b"Content-Length: -1\r\n\r\n", "invalid Content-Length"),
        (_OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\na", "both"), (_OK + b"Transfer-Encoding: gzip\r\n\r\na", "unknown transfer coding"),
        (_OK + b"Transfer-Encoding: chunked, gzip\r\n\r\na", "not the last"), (_OK + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\na", "not the last"),
        (_OK + b"A: " + b"b" * 70_000 + b"\r\n\r\n", "too large"), (_OK + b"A: b\r\n" * 12_000 + b"\r\n", "too large"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 6 + _OK + b"\r\n", "too many 1xx"),
    ],
)  # fmt: skip
async def test_client_refuses_a_malformed_response_and_closes(
    server: Server, answer: Answer, response: bytes, text: str, piece: int
) -> None:
    with pytest.raises(ResponseError) as caught:
        await answer(response, piece=max(piece, len(response) // 200))
    assert text in str(caught.value)
    await asyncio.wait_for(server.closed.wait(), 5)


@pytest.mark.parametrize(
    "response", [b"", b"HTTP/1.1 200", _OK, _OK + b"A: b", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
async def test_client_reports_a_server_that_closes_within_the_head(
    server: Server, answer: Answer, response: bytes
) -> None:
    with pytest.raises(EOFError):
        await answer(response)
    await asyncio.wait_for(server.closed.wait(), 5)


@pytest.mark.parametrize(
    "rest", [_OK + b"Content-Length: 4\r\n\r\nabc", _CHUNKED + b"4\r\nabc", _CHUNKED + b"3\r\nabc\r\n"]
)
async def test_client_reports_a_server_that_closes_within_the_body(answer: Answer, rest: bytes) -> None:
    head, connection = await answer(rest)
    with pytest.raises(EOFError):
        await read(head, connection)
    assert await connection.read_error_body(head) == b""


@pytest.mark.parametrize(
    "chunks", [b"1\na\n", b"1 \r\na\r\n", b"1\r\nab\r\n", b"-1\r\n", b"0x1\r\na\r\n", b"0\r\n a: b\r\n\r\n"]
)
async def test_client_refuses_malformed_chunks(answer: Answer, chunks: bytes) -> None:
    head, connection = await answer(_CHUNKED + chunks + b"0\r\n\r\n")
    with pytest.raises(BrokenBodyError):
        await read(head, connection)


@pytest.mark.parametrize(
    ("response", "size"),
    [
        (b"Content-Length: 2\r\n\r\nno", 2),
        (b"\r\n" + b"x" * 70_000, 65_536),
        (b"Content-Length: 9\r\n\r\nnot", 3),
    ],
)
async def test_client_reads_an_error_body_up_to_a_limit(answer: Answer, response: bytes, size: int) -> None:
    head, connection = await answer(b"HTTP/1.1 403 Forbidden\r\n" + response)
    assert len(await connection.read_error_body(head)) == size


@pytest.mark.parametrize(
    ("url", "target"), [("http://a", "/"), ("http://a?b", "/?b"), ("http://a/b%20c?d=e", "/b%20c?d=e")]
)
def test_target_of_a_url_is_its_path_and_query(url: str, target: str) -> None:
    assert target_of(urlsplit(url)) == target
