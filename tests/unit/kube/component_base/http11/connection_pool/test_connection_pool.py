"""Requests over pooled connections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

import pytest

from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.connection_pool import ConnectionPool, Response
from kprov.kube.component_base.http11.response_head import ResponseError
from kprov.kube.component_base.http11.response_parser import TruncatedResponseError
from tests.unit.kube.component_base.http11.connection_pool.servers import (
    CHUNKED,
    EMPTY,
    HOST,
    SECONDS,
    Peer,
    Serve,
    disconnect,
    fetch,
    reply,
    reply_and_stay,
)

_UNTIL_CLOSE: Final = b"HTTP/1.1 200 OK\r\n\r\n"


async def collect(response: Response, pieces: list[bytes]) -> None:
    async for piece in response.iter_body():
        pieces.append(piece)  # noqa: PERF401  keeps those before an error


async def wait_for_no_connections(pool: ConnectionPool) -> None:
    async with asyncio.timeout(SECONDS):
        while pool.has_connections:  # noqa: ASYNC110  nothing else tells it
            await asyncio.sleep(0)


async def test_requests_one_after_the_other_share_a_connection(serve: Serve) -> None:
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    chunks = CHUNKED + b"2\r\nde\r\n1;x=y\r\nf\r\n0\r\nDigest: x\r\n\r\n"
    pool, server = await serve(reply_and_stay(body, chunks, EMPTY))
    assert [await fetch(pool) for _ in range(3)] == [b"abc", b"def", b""]
    assert server.connections == 1


async def test_requests_at_once_have_connections_of_their_own(serve: Serve) -> None:
    arrived: list[Peer] = []
    both = asyncio.Event()

    async def script(peer: Peer) -> None:
        assert await peer.read_request()
        arrived.append(peer)
        if len(arrived) == 2:
            both.set()
        await both.wait()
        peer.writer.write(EMPTY)

    pool, _ = await serve(script, script)
    assert list(await asyncio.gather(fetch(pool), fetch(pool))) == [b"", b""]


async def test_a_request_has_its_head_and_body_in_order(serve: Serve) -> None:
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        seen.extend([await peer.read_request()])
        peer.writer.write(EMPTY)

    pool, _ = await serve(script)
    headers = {"Host": "server", "Content-Type": "text/plain"}
    async with await pool.request("PATCH", "/a?b=c", headers, b"body") as response:
        assert response.status == 200
    head = b"PATCH /a?b=c HTTP/1.1\r\nHost: server\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\n"
    assert seen == [head + b"body"]


async def test_a_line_break_in_a_header_is_refused(serve: Serve) -> None:
    pool, server = await serve()
    server.done.set()
    with pytest.raises(ValueError, match="line break"):
        await pool.request("GET", "/", {"Host": "server\r\nX: y"})


@pytest.mark.parametrize("size", [1, 7])
async def test_a_response_may_come_in_any_pieces(serve: Serve, size: int) -> None:
    response = (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CHUNKED + b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    )

    async def script(peer: Peer) -> None:
        assert await peer.read_request()
        for at in range(0, len(response), size):
            peer.writer.write(response[at : at + size])
            await peer.writer.drain()
            await asyncio.sleep(0)

    pool, _ = await serve(script)
    assert await fetch(pool) == b"abcdefg"


async def test_a_body_without_a_length_ends_with_the_connection(serve: Serve) -> None:
    pool, server = await serve(reply(_UNTIL_CLOSE + b"abc"), reply(EMPTY))
    assert await fetch(pool) == b"abc"
    assert await fetch(pool) == b""
    assert server.connections == 2


async def test_responses_to_head_have_no_body(serve: Serve) -> None:
    pool, server = await serve(reply_and_stay(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", EMPTY))
    assert [await fetch(pool, "HEAD"), await fetch(pool)] == [b"", b""]
    assert server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"9\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"H",
    ],
)
async def test_a_truncated_response_is_an_error(serve: Serve, answer: bytes) -> None:
    pool, server = await serve(reply(answer))
    with pytest.raises(TruncatedResponseError, match="unexpected EOF"):
        await fetch(pool)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", "malformed HTTP response"),
        (b"\x15\x03\x01\x00\x02\x02", "malformed HTTP response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", "repeated Content-Length"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "unexpected 101"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 6, "too many 1xx"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"a" * (1 << 17), "header is too large"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", "unexpected Content-Encoding"),
    ],
)
async def test_what_is_not_a_response_is_an_error_and_closes(serve: Serve, answer: bytes, text: str) -> None:
    pool, _ = await serve(reply_and_stay(answer))
    with pytest.raises(ResponseError, match=text):
        await fetch(pool)


async def test_a_malformed_body_that_comes_with_its_head_is_an_error(serve: Serve) -> None:
    pool, _ = await serve(reply_and_stay(CHUNKED + b"0\r\nTrailer: x\r\n\r\n"))
    with pytest.raises(BrokenBodyError, match="Trailer is not allowed in trailers"):
        await fetch(pool)


async def test_malformed_chunks_are_an_error_after_those_before_them(serve: Serve) -> None:
    pool, _ = await serve(reply_and_stay(CHUNKED + b"3\r\nabc\r\nzz\r\n"))
    pieces: list[bytes] = []
    async with await pool.request("GET", "/", HOST) as response:
        with pytest.raises(BrokenBodyError, match="invalid byte in chunk length"):
            await collect(response, pieces)
    assert pieces == [b"abc"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_idempotent_request_on_a_closed_connection_is_repeated(serve: Serve, method: str) -> None:
    async def close_at_second(peer: Peer) -> None:
        await peer.answer(EMPTY)
        assert await peer.read_request()

    pool, server = await serve(close_at_second, reply(EMPTY))
    await fetch(pool)
    assert await fetch(pool, method) == b""
    assert server.connections == 2


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_change_that_may_have_been_executed_is_not_repeated(serve: Serve, method: str) -> None:
    async def close_at_second(peer: Peer) -> None:
        await peer.answer(EMPTY)
        assert await peer.read_request()

    pool, server = await serve(close_at_second)
    await fetch(pool)
    with pytest.raises(ConnectionError, match="server disconnected"):
        await fetch(pool, method, body=b"{}")
    assert server.connections == 1


async def test_a_request_is_repeated_only_once(serve: Serve) -> None:
    pool, _ = await serve(disconnect, disconnect)
    with pytest.raises(ConnectionError):
        await fetch(pool)


async def test_a_change_does_not_use_a_connection_that_the_server_closed(serve: Serve) -> None:
    pool, server = await serve(reply(EMPTY), reply(EMPTY))
    await fetch(pool)
    await wait_for_no_connections(pool)
    assert await fetch(pool, "POST", body=b"{}") == b""
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        EMPTY + b"HTTP/1.1 408 Request Timeout\r\n\r\n",
    ],
)
async def test_a_connection_that_may_not_go_on_is_closed(serve: Serve, answer: bytes) -> None:
    pool, server = await serve(reply_and_stay(answer), reply(EMPTY))
    assert [await fetch(pool), await fetch(pool)] == [b"", b""]
    assert server.connections == 2


async def test_a_connection_closes_when_it_says_something_unasked(serve: Serve) -> None:
    speak = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(EMPTY)
        await speak.wait()
        peer.writer.write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        await peer.wait_until_closed()

    pool, server = await serve(script)
    await fetch(pool)
    assert pool.has_connections
    speak.set()
    await asyncio.wait_for(server.done.wait(), SECONDS)


async def test_a_connection_that_was_idle_for_too_long_closes(serve: Serve) -> None:
    pool, server = await serve(reply_and_stay(EMPTY), idle_seconds=0.01)
    await fetch(pool)
    await asyncio.wait_for(server.done.wait(), SECONDS)


async def test_a_request_whose_body_is_not_read_by_the_server_gets_its_response(serve: Serve) -> None:
    blocked = asyncio.Event()

    async def script(peer: Peer) -> None:
        peer.writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 1\r\n\r\nx")
        await blocked.wait()

    pool, _ = await serve(script)
    async with await pool.request("POST", "/", HOST, b"x" * (64 << 20)) as response:
        assert (response.status, await response.read()) == (413, b"x")
    await wait_for_no_connections(pool)
    blocked.set()


async def test_a_slow_reader_slows_the_server_down(serve: Serve) -> None:
    size, is_blocked = 64 << 20, asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        peer.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size >> 20):
            peer.writer.write(bytes(1 << 20))
            drain = asyncio.ensure_future(peer.writer.drain())
            if not (await asyncio.wait([drain], timeout=0.3))[0]:
                is_blocked.set()
            await drain

    pool, _ = await serve(script)
    got = 0
    async with await pool.request("GET", "/", HOST) as response:
        await asyncio.wait_for(is_blocked.wait(), SECONDS)
        async for piece in response.iter_body():
            assert len(piece) <= 1 << 20
            got += len(piece)
    assert got == size


async def test_the_connection_of_an_unfinished_stream_closes(serve: Serve) -> None:
    pool, server = await serve(reply_and_stay(CHUNKED + b"3\r\nabc\r\n"))
    async with await pool.request("GET", "/", HOST) as response:
        assert await anext(response.iter_body()) == b"abc"
        rest = response.iter_body()
    await asyncio.wait_for(server.done.wait(), SECONDS)
    with pytest.raises(ConnectionAbortedError):
        await anext(rest)


async def test_a_stream_without_data_fails_after_its_idle_time(serve: Serve) -> None:
    pool, _ = await serve(reply_and_stay(_UNTIL_CLOSE + b"abc"))
    pieces: list[bytes] = []
    async with await pool.request("GET", "/", HOST) as response:
        response.limit_idle_time(0.05)
        with pytest.raises(TimeoutError, match=r"no data for 0\.05 seconds"):
            await collect(response, pieces)
    assert pieces == [b"abc"]


async def test_a_request_that_is_cancelled_before_its_response_closes_its_connection(serve: Serve) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        assert await peer.read_request()
        arrived.set()
        await peer.wait_until_closed()

    pool, server = await serve(script)
    task = asyncio.create_task(fetch(pool))
    await arrived.wait()
    task.cancel()
    await asyncio.wait([task])
    await asyncio.wait_for(server.done.wait(), SECONDS)


async def test_a_request_that_is_cancelled_within_its_response_closes_its_connection(serve: Serve) -> None:
    pool, server = await serve(reply_and_stay(CHUNKED + b"3\r\nabc\r\n"))
    started = asyncio.Event()

    async def read() -> None:
        async with await pool.request("GET", "/", HOST) as response:
            async for _ in response.iter_body():
                started.set()

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    await asyncio.wait([task])
    await asyncio.wait_for(server.done.wait(), SECONDS)


async def test_cancellation_at_any_step_leaves_nothing_behind(serve: Serve) -> None:
    """The first request is cancelled after one step of the loop, the next one after two, and so on."""

    async def script(peer: Peer) -> None:
        while await peer.read_request():
            with contextlib.suppress(OSError):
                peer.writer.write(CHUNKED + b"3\r\nabc\r\n")
                await peer.writer.drain()
                peer.writer.write(b"0\r\n\r\n")

    pool, server = await serve(*[script] * 40)
    for steps in range(40):
        task = asyncio.create_task(fetch(pool))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert await fetch(pool) == b"abc"
    # Connections that were closed before the server accepted them have no script.
    await pool.close()
    server.done.set()


async def test_retirement_closes_idle_connections_now_and_others_after_their_response(serve: Serve) -> None:
    go_on = asyncio.Event()

    async def slow(peer: Peer) -> None:
        assert await peer.read_request()
        peer.writer.write(CHUNKED + b"3\r\nabc\r\n")
        await go_on.wait()
        peer.writer.write(b"0\r\n\r\n")
        await peer.wait_until_closed()

    pool, server = await serve(slow, reply_and_stay(EMPTY))
    async with await pool.request("GET", "/", HOST) as response:
        await fetch(pool)
        pool.retire()
        go_on.set()
        assert await response.read() == b"abc"
    await asyncio.wait_for(server.done.wait(), SECONDS)


async def test_a_closed_pool_fails_its_requests_and_sends_no_more(serve: Serve) -> None:
    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        assert await peer.read_request()
        arrived.set()
        await peer.wait_until_closed()

    pool, server = await serve(script)
    task = asyncio.create_task(fetch(pool))
    await arrived.wait()
    await pool.close()
    with pytest.raises(ConnectionError, match="the client is closed"):
        await task
    with pytest.raises(ConnectionError, match="the client is closed"):
        await fetch(pool)
    assert server.connections == 1


async def test_a_request_whose_last_check_fails_is_not_sent_and_keeps_the_connection(serve: Serve) -> None:
    pool, server = await serve(reply_and_stay(EMPTY, EMPTY))
    await fetch(pool)

    def refuse() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await fetch(pool, "DELETE", before_write=refuse)
    await fetch(pool)
    assert server.connections == 1
