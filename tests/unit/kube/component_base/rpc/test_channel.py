"""Calls to grpcio's own server."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
import uvloop

from kprov.kube.component_base.rpc import connection as connections
from kprov.kube.component_base.rpc.channel import Channel
from kprov.kube.component_base.rpc.status import Code, RpcError


class Server:
    """Echoes; what else it does is asked for by the message."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, str]] = []
        self.begun = asyncio.Event()
        self.given_up = asyncio.Event()
        self.server: Any = None
        self.port = 0

    async def start(self, port: int = 0) -> None:
        handlers = grpc.method_handlers_generic_handler(
            "test.Echo",
            {
                "Once": grpc.unary_unary_rpc_method_handler(self.once),
                "Both": grpc.stream_stream_rpc_method_handler(self.both),
            },
        )
        options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
        self.server = grpc.aio.server(options=options)
        self.server.add_generic_rpc_handlers((handlers,))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        await self.server.start()

    async def once(self, request: bytes, context: Any) -> bytes:
        self.begun.set()
        self.metadata.append(dict(context.invocation_metadata()))
        if request == b"refuse":
            await context.abort(grpc.StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: größer, 100 %")
        if request == b"wait":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.given_up.set()
                raise
        return request

    async def both(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for request in requests:
            if request == b"refuse":
                await context.abort(grpc.StatusCode.UNAVAILABLE, "no leader")
            if request == b"end":
                return
            for _ in range(3):
                yield request


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[tuple[Server, Channel]]:
    server = Server()
    await server.start()
    channel = Channel("127.0.0.1", server.port, None)
    try:
        yield server, channel
    finally:
        await channel.close()
        await server.server.stop(None)


async def test_many_calls_go_over_one_connection() -> None:
    async with served() as (server, channel):
        once = channel.encode_method("/test.Echo/Once", [("asked-by", "a test")])
        sent = [b"%d" % number for number in range(200)]
        assert await asyncio.gather(*(channel.call_unary(once, one, timeout=10) for one in sent)) == sent
        assert server.metadata[0]["asked-by"] == "a test"


@pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 65_530, 65_531, 3_000_000])
async def test_messages_of_every_size_arrive(size: int) -> None:
    async with served() as (_, channel):
        once = channel.encode_method("/test.Echo/Once")
        message = bytes(index % 251 for index in range(size))
        assert await channel.call_unary(once, message, timeout=30) == message


async def test_large_messages_at_once_share_the_window() -> None:
    async with served() as (_, channel):
        once = channel.encode_method("/test.Echo/Once")
        sent = [bytes([number]) * 300_000 for number in range(12)]
        assert await asyncio.gather(*(channel.call_unary(once, one, timeout=30) for one in sent)) == sent


async def test_error_status_raises_with_its_code_and_details() -> None:
    async with served() as (_, channel):
        with pytest.raises(RpcError) as caught:
            await channel.call_unary(channel.encode_method("/test.Echo/Once"), b"refuse", timeout=10)
        assert (caught.value.code, caught.value.details) == (
            Code.OUT_OF_RANGE,
            "etcdserver: mvcc: größer, 100 %",
        )
        with pytest.raises(RpcError) as caught:
            await channel.call_unary(channel.encode_method("/test.Echo/None"), b"", timeout=10)
        assert caught.value.code is Code.UNIMPLEMENTED


async def test_call_ends_at_its_deadline_and_resets_its_stream() -> None:
    async with served() as (server, channel):
        once = channel.encode_method("/test.Echo/Once")
        with pytest.raises(RpcError) as caught:
            await channel.call_unary(once, b"wait", timeout=0.2)
        assert caught.value.code is Code.DEADLINE_EXCEEDED
        await asyncio.wait_for(server.given_up.wait(), 10)
        assert await channel.call_unary(once, b"next", timeout=10) == b"next"


async def test_cancelled_call_is_cancelled_on_the_server() -> None:
    async with served() as (server, channel):
        call = asyncio.create_task(
            channel.call_unary(channel.encode_method("/test.Echo/Once"), b"wait", timeout=60)
        )
        await asyncio.wait_for(server.begun.wait(), 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(server.given_up.wait(), 10)


async def test_channel_connects_once_the_server_listens() -> None:
    server = Server()
    await server.start()
    channel = Channel("127.0.0.1", server.port, None)
    once = channel.encode_method("/test.Echo/Once")
    assert await channel.call_unary(once, b"a", timeout=10) == b"a"
    await server.server.stop(None)
    for _ in range(2):
        with pytest.raises(RpcError) as caught:
            await channel.call_unary(once, b"b", timeout=10)
        assert caught.value.code is Code.UNAVAILABLE
    again = Server()
    await again.start(server.port)
    assert await channel.call_unary(once, b"c", timeout=10) == b"c"
    await channel.close()
    await again.server.stop(None)


async def test_lost_connection_fails_its_calls_with_unavailable() -> None:
    async with served() as (server, channel):
        call = asyncio.create_task(
            channel.call_unary(channel.encode_method("/test.Echo/Once"), b"wait", timeout=60)
        )
        await asyncio.wait_for(server.begun.wait(), 10)
        await server.server.stop(None)
        with pytest.raises(RpcError) as caught:
            await call
        assert caught.value.code in (Code.UNAVAILABLE, Code.CANCELLED)


async def test_channel_opens_another_connection_after_the_last_stream_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[connections.Connection] = []

    def few() -> connections.Connection:
        made.append(connections.Connection(max_stream_id=9))
        return made[-1]

    monkeypatch.setattr("kprov.kube.component_base.rpc.channel.Connection", few)
    async with served() as (_, channel):
        once = channel.encode_method("/test.Echo/Once")
        for number in range(12):
            assert await channel.call_unary(once, b"%d" % number, timeout=10) == b"%d" % number
        assert len(made) == 3
        assert made[0].closed.done()


async def test_stream_yields_messages_as_they_arrive() -> None:
    async with served() as (_, channel):
        stream = channel.open_stream(channel.encode_method("/test.Echo/Both"))
        await stream.write(b"x" * 70_000)
        got = aiter(stream)
        assert [len(await anext(got)) for _ in range(3)] == [70_000] * 3
        await stream.write(b"y")
        assert [await anext(got) for _ in range(3)] == [b"y"] * 3
        await stream.write(b"end")
        assert [message async for message in got] == []


async def test_stream_raises_the_error_that_ends_it() -> None:
    async with served() as (_, channel):
        stream = channel.open_stream(channel.encode_method("/test.Echo/Both"))
        await stream.write(b"refuse")
        with pytest.raises(RpcError, match="UNAVAILABLE: no leader"):
            await anext(aiter(stream))


async def test_stream_can_be_cancelled_at_any_time() -> None:
    async with served() as (_, channel):
        stream = channel.open_stream(channel.encode_method("/test.Echo/Both"))
        await stream.write(b"x")
        got = aiter(stream)
        assert await anext(got) == b"x"
        stream.cancel()
        with pytest.raises(RpcError, match="CANCELLED"):
            await anext(got)
        with pytest.raises(RpcError, match="CANCELLED"):
            await stream.write(b"y")


async def test_stream_can_be_cancelled_while_it_connects() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        began.set()
        await reader.read()
        writer.close()
        ended.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # TLS that is never answered.
    channel = Channel("127.0.0.1", port, ssl.create_default_context())
    stream = channel.open_stream(channel.encode_method("/test.Echo/Both"))
    writing = asyncio.create_task(stream.write(b"x"))
    await began.wait()
    stream.cancel()
    with pytest.raises(RpcError, match="CANCELLED"):
        await asyncio.wait_for(writing, 5)
    with pytest.raises(RpcError, match="DEADLINE_EXCEEDED"):
        await channel.call_unary(channel.encode_method("/test.Echo/Once"), b"x", timeout=0.05)
    await channel.close()
    await ended.wait()
    server.close()
    await server.wait_closed()


async def test_closed_channel_refuses_calls() -> None:
    async with served() as (_, channel):
        await channel.close()
        with pytest.raises(RpcError, match="closed"):
            await channel.call_unary(channel.encode_method("/test.Echo/Once"), b"x", timeout=1)


def test_channel_works_on_uvloop() -> None:
    async def calls() -> None:
        async with served() as (_, channel):
            once = channel.encode_method("/test.Echo/Once")
            assert await channel.call_unary(once, b"x" * 100_000, timeout=10) == b"x" * 100_000

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(calls())


async def test_a_call_that_is_cancelled_as_its_connection_comes_ends() -> None:
    channel = Channel("127.0.0.1", 1, None)
    connected: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    channel._connecting = connected  # type: ignore[assignment]
    task = asyncio.create_task(channel._get_connection(60))
    await asyncio.sleep(0)
    connected.set_result(None)
    # The result reaches the caller's own future, but not yet its task.
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
