"""What comes back for bytes on a connection."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from kprov.kube.component_base.http11 import connection as connections
from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response, StreamResponse
from tests.unit.kube.component_base.http11.conftest import Connect
from tests.unit.loop_clock import LoopClock, run_loop

_GET: Final = b"GET /a?b=1 HTTP/1.1\r\nHost: x\r\n\r\n"
_LARGE: Final = 4 * 1024 * 1024


async def echo(request: Request) -> BaseResponse:
    """The request line and the body."""
    body = b"".join([piece async for piece in request.body.iter_any()])
    return Response(f"{request.method} {request.target} ".encode() + body)


async def silent(request: Request) -> BaseResponse:
    """An answer without a look at the body."""
    return Response(b"ok", status=403)


async def test_connection_serves_requests_one_after_the_other(connect: Connect) -> None:
    client = await connect(echo)
    for _ in range(3):
        client.send(_GET)
        code, headers, body = await client.answer()
        assert (code, body) == (200, b"GET /a?b=1 ")
        assert headers["date"].endswith(" GMT")
        assert "connection" not in headers


async def test_pipelined_requests_are_answered_in_order(connect: Connect) -> None:
    client = await connect(echo)
    count = 500
    client.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(count)))
    for number in range(count):
        assert (await client.answer())[2] == b"GET /%d " % number


async def test_request_head_may_come_in_pieces(connect: Connect) -> None:
    client = await connect(echo)
    for place in range(len(_GET)):
        client.send(_GET[place : place + 1])
        await asyncio.sleep(0)
    assert (await client.answer())[2] == b"GET /a?b=1 "


async def test_headers_may_repeat_or_be_empty_or_not_be_utf_8(connect: Connect) -> None:
    async def show(request: Request) -> BaseResponse:
        values = request.headers.getall("A"), request.headers.get("B"), request.headers.get("C")
        return Response(repr(values).encode())

    client = await connect(show)
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\na: 2\r\nB:\r\nC: \xff\r\n\r\n")
    assert (await client.answer())[2] == repr((["1", "2"], "", "\udcff")).encode()


@pytest.mark.parametrize("framing", ["Content-Length: 6", "Transfer-Encoding: chunked"])
async def test_request_body_with_length_or_chunks_is_read(connect: Connect, framing: str) -> None:
    reached = asyncio.Event()

    async def read(request: Request) -> BaseResponse:
        reached.set()
        return await echo(request)

    client = await connect(read)
    body = (
        b"abcdef"
        if framing.startswith("Content")
        else b"2\r\nab\r\n4;x=y\r\ncdef\r\n0\r\nChecksum: t\r\n\r\n"
    )
    for _ in range(2):
        client.send(f"POST / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n".encode())
        await reached.wait()
        reached.clear()
        client.send(body)
        assert (await client.answer())[2] == b"POST / abcdef"


async def test_body_larger_than_the_buffer_is_read_with_back_pressure(connect: Connect) -> None:
    begin = asyncio.Event()

    async def late(request: Request) -> BaseResponse:
        await begin.wait()
        size = 0
        async for piece in request.body.iter_any():
            size += len(piece)
        return Response(str(size).encode())

    client = await connect(late)
    client.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {_LARGE}\r\n\r\n".encode() + b"x" * _LARGE)
    await run_loop(200)
    begin.set()
    assert (await client.answer())[2] == str(_LARGE).encode()


async def test_100_continue_is_sent_when_the_body_is_read(connect: Connect) -> None:
    client = await connect(echo)
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"ab")
    assert (await client.answer())[2] == b"POST / ab"


async def test_100_continue_is_sent_though_the_body_has_come(connect: Connect) -> None:
    client = await connect(echo)
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab")
    assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await client.answer())[2] == b"POST / ab"


async def test_connection_closes_without_100_continue_though_the_body_has_come(connect: Connect) -> None:
    client = await connect(silent)
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\nab" + _GET)
    code, headers, _ = await client.answer()
    assert (code, headers["connection"]) == (403, "close")
    assert await client.rest() == b""


async def test_malformed_query_parameters_are_ignored(connect: Connect) -> None:
    async def show(request: Request) -> BaseResponse:
        return Response(repr(list(request.query.items())).encode())

    client = await connect(show)
    client.send(b"GET /?a=1;b=2&c=%zz&%=d&e=%20&f;&=g&h HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await client.answer())[2] == repr([("e", " "), ("", "g"), ("h", "")]).encode()


@pytest.mark.parametrize(("size", "stays"), [(0, True), (4096, True), (4097, False)])
async def test_options_of_the_whole_server_are_empty(connect: Connect, size: int, stays: bool) -> None:
    client = await connect(silent)
    client.send(f"OPTIONS * HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode() + b"x" * size)
    code, headers, body = await client.answer()
    assert (code, body, "connection" not in headers) == (200, b"", stays)


async def test_http_1_0_client_gets_its_version_and_its_coding_is_ignored(connect: Connect) -> None:
    client = await connect(echo)
    client.send(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n")
    assert (await client.until(b"\r\n")).startswith(b"HTTP/1.0 200 ")
    assert (await client.rest()).endswith(b"\r\n\r\nPOST / ")


async def test_any_method_is_served(connect: Connect) -> None:
    client = await connect(echo)
    chunks = b"FOO /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n"
    client.send(
        _GET + b"get /a HTTP/1.1\r\nHost: x\r\n\r\n" + chunks + b"A!b /c HTTP/1.1\r\nHost: x\r\n\r\n" + _GET
    )
    for said in (b"GET /a?b=1 ", b"get /a ", b"FOO /b c", b"A!b /c ", b"GET /a?b=1 "):
        assert (await client.answer())[2] == said


async def test_empty_line_before_a_request_is_accepted_after_post_only(connect: Connect) -> None:
    client = await connect(echo)
    post = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na\r\n"
    client.send(post + _GET + b"\r\n" + _GET)
    assert [(await client.answer())[0] for _ in range(3)] == [200, 200, 400]
    assert await client.rest()


async def test_connection_closes_if_the_response_replaces_100_continue(connect: Connect) -> None:
    client = await connect(silent)
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    code, headers, _ = await client.answer()
    assert (code, headers["connection"]) == (403, "close")
    assert await client.rest() == b""


async def test_small_unread_body_keeps_the_connection_open(connect: Connect) -> None:
    client = await connect(silent)
    for _ in range(2):
        client.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n")
        assert (await client.answer())[0] == 403
        client.send(b"x" * 50_000)


async def test_large_unread_body_closes_the_connection_after_the_response(connect: Connect) -> None:
    client = await connect(silent)
    client.send(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {_LARGE}\r\n\r\n".encode())
    client.send(b"x" * (_LARGE // 2))
    code, headers, _ = await client.answer()
    assert (code, headers["connection"]) == (403, "close")
    assert await client.rest() == b""


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        (b"\x16\x03\x01\x02\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nB: " + b"c" * 2_000_000, 431),
    ],
)
async def test_malformed_request_gets_its_status_and_closes(
    connect: Connect, request_line: bytes, code: int
) -> None:
    client = await connect(echo)
    client.send(_GET + request_line)
    assert (await client.answer())[0] == 200
    assert (await client.answer())[:2][0] == code
    assert await client.rest()


async def test_malformed_body_raises_in_the_handler(connect: Connect) -> None:
    async def careful(request: Request) -> BaseResponse:
        try:
            return await echo(request)
        except BrokenBodyError as error:
            return Response(str(error).encode(), status=400)

    client = await connect(careful)
    client.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    code, headers, body = await client.answer()
    assert (code, headers["connection"], body) == (400, "close", b"invalid byte in chunk length")
    assert await client.rest() == b""


async def test_response_to_head_has_the_length_and_no_body(connect: Connect) -> None:
    client = await connect(echo)
    client.send(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + _GET)
    assert b"Content-Length: 7\r\n" in await client.until(b"\r\n\r\n")
    assert (await client.answer())[2] == b"GET /a?b=1 "


async def test_http_1_0_connection_stays_open_on_request_only(connect: Connect) -> None:
    client = await connect(echo)
    client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert (await client.answer())[1]["connection"] == "keep-alive"
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert "connection" not in (await client.answer())[1]
    assert await client.rest() == b""


async def test_stream_response_is_chunked_or_ends_with_the_connection(connect: Connect) -> None:
    async def stream(request: Request) -> BaseResponse:
        answer = StreamResponse(headers={"Content-Type": "text/plain"})
        answer.start(request)
        for piece in (b"one", b"", b"two"):
            await answer.write(piece)
        return answer

    client = await connect(stream)
    for _ in range(2):
        client.send(_GET)
        assert (await client.answer())[2] == b"onetwo"
    client.send(b"GET / HTTP/1.0\r\n\r\n")
    assert (await client.rest()).endswith(b"\r\n\r\nonetwo")


async def test_slow_client_slows_its_stream_response(connect: Connect) -> None:
    written = 0

    async def stream(request: Request) -> BaseResponse:
        nonlocal written
        answer = StreamResponse()
        answer.start(request)
        for _ in range(512):
            await answer.write(b"x" * 65_536)
            written += 1
        return answer

    client = await connect(stream)
    client.send(_GET)
    await client.until(b"\r\n\r\n")
    await run_loop(1000)
    assert written < 512
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await client.rest()
    assert written == 1024


async def test_a_client_that_does_not_read_its_response_is_disconnected(connect: Connect) -> None:
    answered = asyncio.Event()

    async def large(request: Request) -> BaseResponse:
        answered.set()
        return Response(b"x" * _LARGE * 4)

    clock = LoopClock()
    client = await connect(large)
    client.send(_GET)
    await answered.wait()
    await run_loop(20)
    await clock.advance(61)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await client.reader.readexactly(_LARGE * 4)


async def test_handler_is_cancelled_when_its_client_disconnects(connect: Connect) -> None:
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    begun = asyncio.Event()

    async def endless(request: Request) -> BaseResponse:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.set_result("cancelled")
            raise
        return Response()

    client = await connect(endless)
    client.send(_GET)
    await begun.wait()
    client.writer.close()
    assert await asyncio.wait_for(ended, 5) == "cancelled"


async def test_tunnel_gets_the_bytes_behind_an_upgrade_request(connect: Connect) -> None:
    async def switch(request: Request) -> BaseResponse:
        assert request.connection is not None
        tunnel = request.connection.tunnel()
        answer = StreamResponse(status=101, headers={"Connection": "Upgrade", "Upgrade": "shout"})
        answer.start(request)
        while data := await tunnel.read():
            await tunnel.write(data.upper())
            if data.endswith(b"."):
                break
        return answer

    client = await connect(switch)
    client.send(
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\nContent-Length: 0\r\n\r\nhallo"
    )
    assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert await client.until(b"O") == b"HALLO"
    client.send(b" again.")
    assert await client.rest() == b" AGAIN."


SHOUT = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\nContent-Length: 0\r\n\r\n"


async def test_all_bytes_of_a_tunnel_are_read_though_the_client_has_disconnected(connect: Connect) -> None:
    received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def collect(request: Request) -> BaseResponse:
        assert request.connection is not None
        answer = StreamResponse(status=101, headers={"Connection": "Upgrade", "Upgrade": "shout"})
        answer.start(request)
        data = b""
        async for piece in request.connection.tunnel():
            while request.connection.transport is not None:  # noqa: ASYNC110  nothing else tells it
                await asyncio.sleep(0.001)
            data += piece
        received.set_result(data)
        return answer

    client = await connect(collect)
    client.send(SHOUT + b"first ")
    assert (await client.until(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    client.send(b"last")
    client.writer.close()
    assert await asyncio.wait_for(received, 5) == b"first last"


async def test_a_tunnel_whose_backend_takes_nothing_ends_some_time_after_its_client(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_TUNNEL_END_SECONDS", 0.05)
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def block(request: Request) -> BaseResponse:
        assert request.connection is not None
        answer = StreamResponse(status=101, headers={"Connection": "Upgrade", "Upgrade": "shout"})
        answer.start(request)
        try:
            async for _ in request.connection.tunnel():
                await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            ended.set_result("cancelled")
            raise
        return answer

    client = await connect(block)
    client.send(SHOUT + b"first")
    await client.until(b"\r\n\r\n")
    client.writer.close()
    assert await asyncio.wait_for(ended, 5) == "cancelled"


async def test_upgrade_beside_a_body_is_ignored(connect: Connect) -> None:
    async def unasked(request: Request) -> BaseResponse:
        assert request.upgrade == ""
        return await echo(request)

    client = await connect(unasked)
    client.send(
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc"
    )
    code, headers, body = await client.answer()
    assert (code, body) == (200, b"POST / abc")
    assert "connection" not in headers


@pytest.mark.parametrize(
    ("lines", "protocol"),
    [
        ("Connection: keep-alive\r\nConnection: x, UPGRADE\r\nUpgrade: Shout", "shout"),
        ("Connection: upgrades\r\nUpgrade: shout", ""),
        ("Upgrade: shout", ""),
        ("Connection: Upgrade", ""),
    ],
)
async def test_upgrade_needs_an_option_in_any_connection_header(
    connect: Connect, lines: str, protocol: str
) -> None:
    async def show(request: Request) -> BaseResponse:
        return Response(request.upgrade.encode())

    client = await connect(show)
    client.send(f"GET / HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n".encode())
    assert (await client.answer())[2] == protocol.encode()


async def test_response_header_with_a_line_break_is_not_sent(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    async def split(request: Request) -> BaseResponse:
        return Response(headers={"A": "b\r\nC: d"})

    client = await connect(split)
    client.send(_GET)
    assert await client.rest() == b""
    assert "line break" in caplog.text
