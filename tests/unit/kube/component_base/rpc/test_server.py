"""Calls to our server by grpcio's client, and by our own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from kprov.kube.component_base.rpc import frames
from kprov.kube.component_base.rpc.channel import Channel
from kprov.kube.component_base.rpc.methods import StreamingMethod, UnaryMethod
from kprov.kube.component_base.rpc.server import Server
from kprov.kube.component_base.rpc.server_connection import MAX_REQUEST_BYTES
from kprov.kube.component_base.rpc.status import Code, RpcError


class Service:
    """Methods whose names say what they do."""

    def __init__(self) -> None:
        self.has_started = asyncio.Event()
        self.is_cancelled = asyncio.Event()

    async def reverse(self, message: bytes) -> bytes:
        return message[::-1]

    async def refuse(self, message: bytes) -> bytes:
        raise RpcError(Code.NOT_FOUND, "no such thing: 100 % gone, naïve\n")

    async def fail(self, message: bytes) -> bytes:
        raise ValueError("a mistake")

    async def wait(self, message: bytes) -> bytes:
        self.has_started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.is_cancelled.set()
            raise
        raise AssertionError

    async def count(self, message: bytes) -> AsyncIterator[bytes]:
        for number in range(int(message)):
            yield str(number).encode()

    async def count_and_wait(self, message: bytes) -> AsyncIterator[bytes]:
        yield b"0"
        await self.wait(message)

    async def repeat(self, message: bytes) -> AsyncIterator[bytes]:
        for _ in range(3):
            yield message


@contextlib.asynccontextmanager
async def serve(path: Path) -> AsyncIterator[tuple[Service, Server]]:
    service = Service()
    unary = (service.reverse, service.refuse, service.fail, service.wait)
    streaming = (service.count, service.count_and_wait, service.repeat)
    server = Server(
        {f"/test.Service/{method.__name__}": UnaryMethod(method) for method in unary}
        | {f"/test.Service/{method.__name__}": StreamingMethod(method) for method in streaming}
    )
    await server.start(path)
    try:
        yield service, server
    finally:
        await server.stop(0)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serve(tmp_path / "socket") as (service, _):
        yield service


@pytest.fixture
async def other(tmp_path: Path, service: Service) -> AsyncIterator[Any]:
    """grpcio's client."""
    limits = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"unix://{tmp_path}/socket", limits) as channel:
        yield channel


@pytest.fixture
async def own(tmp_path: Path, service: Service) -> AsyncIterator[Channel]:
    channel = Channel.of_socket(str(tmp_path / "socket"))
    yield channel
    await channel.close()


async def test_a_unary_call(other: Any, own: Channel) -> None:
    assert await other.unary_unary("/test.Service/reverse")(b"abc") == b"cba"
    assert await own.call_unary(own.encode_method("/test.Service/reverse"), b"abc", timeout=10) == b"cba"


async def test_an_empty_message(other: Any) -> None:
    assert await other.unary_unary("/test.Service/reverse")(b"") == b""


async def test_large_messages_pass_the_windows_both_ways(other: Any) -> None:
    message = bytes(range(256)) * 40_000
    assert await other.unary_unary("/test.Service/reverse")(message) == message[::-1]


async def test_many_calls_at_once(other: Any) -> None:
    call = other.unary_unary("/test.Service/reverse")
    messages = [str(number).encode() * 2000 for number in range(300)]
    assert await asyncio.gather(*map(call, messages)) == [message[::-1] for message in messages]


async def test_the_status_of_a_refusal(other: Any, own: Channel) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await other.unary_unary("/test.Service/refuse")(b"")
    assert refusal.value.code() is grpc.StatusCode.NOT_FOUND
    assert refusal.value.details() == "no such thing: 100 % gone, naïve\n"
    with pytest.raises(RpcError, match="100 % gone, naïve") as error:
        await own.call_unary(own.encode_method("/test.Service/refuse"), b"", timeout=10)
    assert error.value.code is Code.NOT_FOUND


async def test_an_exception_becomes_unknown(other: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await other.unary_unary("/test.Service/fail")(b"")
    assert failure.value.code() is grpc.StatusCode.UNKNOWN
    assert failure.value.details() == "ValueError: a mistake"
    assert "/test.Service/fail failed" in caplog.text


async def test_an_unknown_method_is_unimplemented(other: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await other.unary_unary("/test.Service/guess")(b"")
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert failure.value.details() == "unknown method guess for service test.Service"


async def test_a_compressed_request_is_refused(other: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await other.unary_unary("/test.Service/reverse")(b"a" * 10_000, compression=grpc.Compression.Gzip)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_request_that_is_too_large_is_refused(other: Any) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await other.unary_unary("/test.Service/reverse")(bytes(MAX_REQUEST_BYTES + 1), timeout=60)
    assert failure.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_stream_of_messages(other: Any) -> None:
    call = other.unary_stream("/test.Service/count")(b"500")
    assert [message async for message in call] == [str(number).encode() for number in range(500)]
    assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_without_messages(other: Any) -> None:
    assert [message async for message in other.unary_stream("/test.Service/count")(b"0")] == []


async def test_a_stream_of_large_messages(other: Any) -> None:
    message = b"a" * 3_000_000
    assert [each async for each in other.unary_stream("/test.Service/repeat")(message)] == [message] * 3


async def test_a_stream_for_our_client(own: Channel) -> None:
    stream = own.open_stream(own.encode_method("/test.Service/count"))
    await stream.write(b"3", ends_stream=True)
    assert [message async for message in stream] == [b"0", b"1", b"2"]


async def test_a_client_that_cancels_cancels_the_work(other: Any, service: Service) -> None:
    call = other.unary_unary("/test.Service/wait")(b"")
    await service.has_started.wait()
    call.cancel()
    await service.is_cancelled.wait()


async def test_a_client_that_disconnects_cancels_the_work(own: Channel, service: Service) -> None:
    stream = own.open_stream(own.encode_method("/test.Service/count_and_wait"))
    await stream.write(b"", ends_stream=True)
    assert await anext(stream) == b"0"
    await service.has_started.wait()
    await own.close()
    await service.is_cancelled.wait()


async def test_a_call_after_its_deadline_is_cancelled(other: Any, service: Service) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await other.unary_unary("/test.Service/wait")(b"", timeout=0.2)
    assert failure.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await service.is_cancelled.wait()


async def test_a_stopping_server_finishes_calls_and_removes_its_socket(tmp_path: Path) -> None:
    path = tmp_path / "stopping"
    async with serve(path) as (_, server):
        channel = Channel.of_socket(str(path))
        stream = channel.open_stream(channel.encode_method("/test.Service/repeat"))
        await stream.write(b"a" * 100_000, ends_stream=True)
        assert await anext(stream)
        await server.stop(10)
        assert len([message async for message in stream]) == 2
        with pytest.raises(RpcError) as error:
            await channel.call_unary(channel.encode_method("/test.Service/reverse"), b"", timeout=5)
        assert error.value.code is Code.UNAVAILABLE
        await channel.close()
    assert not path.exists()


async def test_a_server_replaces_the_socket_of_a_killed_one(tmp_path: Path) -> None:
    path = tmp_path / "left"
    (await asyncio.get_running_loop().create_unix_server(asyncio.Protocol, path)).close()
    async with serve(path):
        assert path.stat().st_mode & 0o777 == 0o660


async def test_another_protocol_is_disconnected(tmp_path: Path, service: Service) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while await reader.read(1000):
            pass
    writer.close()


async def test_an_endless_field_block_is_disconnected(tmp_path: Path, service: Service) -> None:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "socket")
    writer.write(frames.PREFACE + frames.encode_settings({}) + frames.encode_frame(frames.HEADERS, 0, 1))
    writer.write(frames.encode_frame(frames.CONTINUATION, 0, 1, bytes(16_000)) * 10)
    with contextlib.suppress(ConnectionError):
        while await reader.read(1000):
            pass
    writer.close()
