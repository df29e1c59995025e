"""Known ways to hide a request from whoever stands in front of the server, over a socket.

Each is refused and ends its connection, so that no byte behind it is taken for a request. In a name, what the
server in front obeys stands first: of CL.TE, that one reads Content-Length and the one behind Transfer-Encoding.
"""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from kprov.kube.component_base.http11 import connection as connections
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response
from tests.unit.kube.component_base.http11.conftest import Connect

_POST: Final = b"POST / HTTP/1.1\r\nHost: a\r\n"
_CHUNKED: Final = _POST + b"Transfer-Encoding: chunked\r\n\r\n"
_HIDDEN: Final = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
_EMPTY: Final = b"0\r\n\r\n"

#: A head that frames its body in two ways, or in a way that another server may not see.
_HEADS: Final = {
    "CL.TE": (400, _POST + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n" + _EMPTY + b"G"),
    "TE.CL": (400, _POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\na\r\n" + _EMPTY),
    "CL.0": (400, _POST + b"Content-Length: 0\r\nContent-Length: 33\r\n\r\n"),
    "CL.CL conflicting": (400, _POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    "CL.CL repeated": (400, _POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    "CL list": (400, _POST + b"Content-Length: 3, 3\r\n\r\nabc"),
    "CL with a sign": (400, _POST + b"Content-Length: +3\r\n\r\nabc"),
    "CL negative": (400, _POST + b"Content-Length: -3\r\n\r\n"),
    "CL hexadecimal": (400, _POST + b"Content-Length: 0x3\r\n\r\nabc"),
    "CL with an underscore": (400, _POST + b"Content-Length: 1_0\r\n\r\n"),
    "CL of other digits": (400, _POST + "Content-Length: ٣\r\n\r\nabc".encode()),
    "CL with spaces": (400, _POST + b"Content-Length: 3 0\r\n\r\n"),
    "CL empty": (400, _POST + b"Content-Length:\r\n\r\n"),
    "CL above 2^63": (400, _POST + b"Content-Length: 18446744073709551619\r\n\r\nabc"),
    "CL space before colon": (400, _POST + b"Content-Length : 3\r\n\r\nabc"),
    "CL behind a vertical tab": (400, _POST + b"Content-Length: \x0b3\r\n\r\nabc"),
    "CL in a folded line": (400, _POST + b"X: y\r\n Content-Length: 33\r\n\r\n"),
    "TE.TE two codings": (400, _POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + _EMPTY),
    "TE.TE twice in a line": (400, _POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + _EMPTY),
    "TE.TE twice": (400, _POST + b"Transfer-Encoding: chunked\r\n" * 2 + b"\r\n" + _EMPTY),
    "TE.TE second line": (
        400, _POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n\r\n" + _EMPTY),
    "TE.TE first line": (
        501, _POST + b"Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n\r\n" + _EMPTY),
    "TE unknown before chunked": (501, _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + _EMPTY),
    "TE unknown": (501, _POST + b"Transfer-Encoding: xchunked\r\n\r\n" + _EMPTY),
    "TE identity": (501, _POST + b"Transfer-Encoding: identity\r\n\r\n" + _EMPTY),
    "TE empty": (501, _POST + b"Transfer-Encoding:\r\n\r\n" + _EMPTY),
    "TE comma": (400, _POST + b"Transfer-Encoding: chunked,\r\n\r\n" + _EMPTY),
    "TE quoted": (501, _POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + _EMPTY),
    "TE with a parameter": (501, _POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n" + _EMPTY),
    "TE behind a vertical tab": (400, _POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + _EMPTY),
    "TE before a vertical tab": (400, _POST + b"Transfer-Encoding: chunked\x0b\r\n\r\n" + _EMPTY),
    "TE behind a form feed": (400, _POST + b"Transfer-Encoding: \x0cchunked\r\n\r\n" + _EMPTY),
    "TE behind a no-break space": (501, _POST + b"Transfer-Encoding: \xc2\xa0chunked\r\n\r\n" + _EMPTY),
    "TE with NUL": (400, _POST + b"Transfer-Encoding: chunked\x00\r\n\r\n" + _EMPTY),
    "TE with CR": (400, _POST + b"Transfer-Encoding: chunked\r \r\n\r\n" + _EMPTY),
    "TE space before colon": (400, _POST + b"Transfer-Encoding : chunked\r\n\r\n" + _EMPTY),
    "TE tab before colon": (400, _POST + b"Transfer-Encoding\t: chunked\r\n\r\n" + _EMPTY),
    "TE NUL in name": (400, _POST + b"Transfer-Encoding\x00: chunked\r\n\r\n" + _EMPTY),
    "TE behind a space": (400, b"POST / HTTP/1.1\r\n Transfer-Encoding: chunked\r\nHost: a\r\n\r\n"),
    "TE folded value": (400, _POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + _EMPTY),
    "TE folded line": (400, _POST + b"X: y\r\n Transfer-Encoding: chunked\r\n\r\n" + _EMPTY),
    "TE behind bare LF": (400, _POST + b"X: y\nTransfer-Encoding: chunked\r\n\r\n" + _EMPTY),
    "TE behind bare CR": (400, _POST + b"X: y\rTransfer-Encoding: chunked\r\n\r\n" + _EMPTY),
    "TE in the request line": (400, b"POST / HTTP/1.1\nTransfer-Encoding: chunked\r\nHost: a\r\n\r\n"),
    "TE announces its own trailer": (
        400, _POST + b"Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n" + _EMPTY),
    "bare LF at the end of the head": (400, b"GET / HTTP/1.1\r\nHost: a\n\n"),
    "bare LF throughout": (400, b"GET / HTTP/1.1\nHost: a\n\n"),
    "head that ends in LF CR LF": (400, b"GET / HTTP/1.1\r\nHost: a\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "line without a colon": (400, _POST + b"Content-Length\r\n\r\n"),
    "no name": (400, _POST + b": 3\r\n\r\n"),
    "control in a target": (400, b"GET /\x0b HTTP/1.1\r\nHost: a\r\n\r\n"),
    "two spaces": (400, b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    "tab in the request line": (400, b"GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"),
    "space behind the version": (400, b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    "HTTP/0.9": (400, b"GET /\r\n\r\n"),
    "HTTP/2 preface": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "too many fields": (431, _POST + b"X: y\r\n" * 500 + b"\r\n"),
}  # fmt: skip

#: A chunked body whose end another server may see elsewhere.
_BODIES: Final = {
    "bare LF behind the size": b"1\na\r\n0\r\n\r\n",
    "bare LF behind an extension": b"1;x\na\r\n0\r\n\r\n",
    "bare CR in an extension": b"1;x\ra\r\na\r\n0\r\n\r\n",
    "bare CR behind the size": b"1\ra\r\n0\r\n\r\n",
    "bare LF behind the data": b"1\r\na\n0\r\n\r\n",
    "data longer than its size": b"1\r\nabc0\r\n\r\n",
    "any two bytes behind the data": b"1\r\naXX0\r\n\r\n",
    "no size": b"\r\na\r\n0\r\n\r\n",
    "size of 65 bits": b"10000000000000001\r\na\r\n0\r\n\r\n",
    "size above 2^63": b"FFFFFFFFFFFFFFFF\r\na\r\n0\r\n\r\n",
    "size of many zeros": b"0" * 40 + b"1\r\na\r\n0\r\n\r\n",
    "negative size": b"-1\r\na\r\n0\r\n\r\n",
    "size with a sign": b"+1\r\na\r\n0\r\n\r\n",
    "size with 0x": b"0x1\r\na\r\n0\r\n\r\n",
    "size with an underscore": b"1_0\r\na\r\n0\r\n\r\n",
    "size of other digits": "٣\r\nabc\r\n0\r\n\r\n".encode(),
    "space before the size": b" 1\r\na\r\n0\r\n\r\n",
    "space behind the size": b"1 \r\na\r\n0\r\n\r\n",
    "vertical tab behind the size": b"1\x0b\r\na\r\n0\r\n\r\n",
    "extension without a name": b"1;\r\na\r\n0\r\n\r\n",
    "extension with NUL": b"1;\x00\r\na\r\n0\r\n\r\n",
    "extension with an open quote": b'1;x="\r\na\r\n0\r\n\r\n',
    "extension of 5 KB": b"1;" + b"x" * 5000 + b"\r\na\r\n0\r\n\r\n",
    "extensions without end": b"1;" + b"x" * 4000 + b"\r\na\r\n" + b"1;" + b"x" * 4000 + b"\r\na\r\n" * 8,
    "bare LF at the end": b"0\r\n\n",
    "bare LF in trailers": b"0\r\nX: y\nZ: a\r\n\r\n",
    "folded trailer": b"0\r\nX: y\r\n z\r\n\r\n",
    "space before a trailer's colon": b"0\r\nX : y\r\n\r\n",
    "trailer without a colon": b"0\r\nX\r\n\r\n",
    "trailer with NUL": b"0\r\nX: \x00\r\n\r\n",
    "Content-Length as a trailer": b"0\r\nContent-Length: 33\r\n\r\n",
    "Transfer-Encoding as a trailer": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "Host as a trailer": b"0\r\nHost: b\r\n\r\n",
    "trailers of 5 KB": b"0\r\nX: " + b"y" * 5000 + b"\r\n\r\n",
}


@pytest.fixture(autouse=True)
def long_lingering(monkeypatch: pytest.MonkeyPatch, short_lingering: None) -> None:
    """The server waits until the client has sent all of it and closes."""
    monkeypatch.setattr(connections, "_LINGER_SECONDS", 10.0)


class Server:
    """Reads each body, and remembers the targets."""

    def __init__(self) -> None:
        self.targets: list[str] = []

    async def handle(self, request: Request) -> BaseResponse:
        self.targets.append(request.target)
        body = b"".join([piece async for piece in request.body.iter_any()])
        return Response(body)


async def check_refused(connect: Connect, data: bytes, code: int, piece: int) -> None:
    """data: sent in pieces of that size, or in 200, with a hidden request behind it."""
    server = Server()
    client = await connect(server.handle)
    sent = data + _HIDDEN
    piece = max(piece, len(sent) // 200)
    for at in range(0, len(sent), piece):
        client.send(sent[at : at + piece])
        if piece < len(sent):
            await asyncio.sleep(0)
    status, headers, _ = await client.answer()
    assert (status, headers["connection"]) == (code, "close")
    client.writer.write_eof()
    rest = await client.rest()
    assert b"HTTP/1.1" not in rest
    assert "/hidden" not in server.targets


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize(("code", "data"), _HEADS.values(), ids=_HEADS)
async def test_a_head_that_could_hide_a_request_is_refused(
    connect: Connect, code: int, data: bytes, piece: int
) -> None:
    await check_refused(connect, data, code, piece)


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES)
async def test_chunks_that_could_hide_a_request_are_refused(
    connect: Connect, body: bytes, piece: int
) -> None:
    await check_refused(connect, _CHUNKED + body, 400, piece)


async def test_a_request_in_a_body_stays_in_the_body(connect: Connect) -> None:
    server = Server()
    client = await connect(server.handle)
    client.send(_POST + b"Content-Length: %d\r\n\r\n" % len(_HIDDEN) + _HIDDEN)
    assert (await client.answer())[2] == _HIDDEN
    client.send(_CHUNKED + b"%x;a=b\r\n" % len(_HIDDEN) + _HIDDEN + b"\r\n0\r\nX: y\r\n\r\n")
    assert (await client.answer())[2] == _HIDDEN
    assert server.targets == ["/", "/"]


async def test_chunks_of_an_old_client_end_its_connection(connect: Connect) -> None:
    """RFC 9112, 6.1: HTTP/1.0 knows no transfer codings, so that nothing behind the head can be trusted."""
    server = Server()
    client = await connect(server.handle)
    client.send(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n" + _HIDDEN)
    assert (await client.rest()).startswith(b"HTTP/1.0 200 ")
    assert server.targets == ["/"]


@pytest.mark.parametrize("piece", [1, 1 << 20])
async def test_only_whole_empty_lines_are_skipped_behind_a_post(connect: Connect, piece: int) -> None:
    server = Server()
    client = await connect(server.handle)
    sent = _POST + b"Content-Length: 0\r\n\r\n" + b"\r\n" + _HIDDEN
    for at in range(0, len(sent), piece):
        client.send(sent[at : at + piece])
        await asyncio.sleep(0)
    assert [(await client.answer())[0] for _ in range(2)] == [200, 200]
    client.send(_POST + b"Content-Length: 0\r\n\r\n" + b"\n" + _HIDDEN)
    assert [(await client.answer())[0] for _ in range(2)] == [200, 400]
    assert server.targets == ["/", "/hidden", "/"]
