"""What servers other than grpcio's may send, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hpack import Encoder

from kprov.kube.component_base.rpc import frame_connection, frames
from kprov.kube.component_base.rpc.channel import Channel
from kprov.kube.component_base.rpc.frames import encode_frame
from kprov.kube.component_base.rpc.status import Code, RpcError

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
END = [("grpc-status", "0"), ("grpc-message", "")]
MESSAGE = b"\x00\x00\x00\x00\x02hi"


@contextlib.asynccontextmanager
async def scripted(
    answer: Callable[[int, asyncio.StreamWriter], Awaitable[None]],
    pongs: asyncio.Queue[bytes] | None = None,
) -> AsyncIterator[Channel]:
    """A server that takes the preface and answers every stream by the script. pongs: answers to its pings."""

    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            assert await reader.readexactly(len(frames.PREFACE)) == frames.PREFACE
            writer.write(encode_frame(frames.SETTINGS, 0, 0))
            while True:
                head = await reader.readexactly(frames.HEADER_BYTES)
                payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:], "big")
                if kind == frames.SETTINGS and not flags & frames.ACK:
                    writer.write(encode_frame(frames.SETTINGS, frames.ACK, 0))
                if pongs is not None and kind == frames.PING and flags & frames.ACK:
                    pongs.put_nowait(payload)
                if kind == frames.DATA and flags & frames.END_STREAM:
                    await answer(stream, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    channel = Channel("127.0.0.1", server.sockets[0].getsockname()[1], None)
    try:
        yield channel
    finally:
        await channel.close()
        await asyncio.gather(*(task for task in serving if task is not None))
        server.close()
        await server.wait_closed()


async def once(channel: Channel) -> bytes:
    return await channel.call_unary(channel.encode_method("/a/b"), b"hello", timeout=5)


async def test_frames_may_have_padding_priority_continuation_and_any_pieces() -> None:
    encoder = Encoder()

    async def answer(stream: int, writer: asyncio.StreamWriter) -> None:
        block = encoder.encode(HEAD, huffman=True)
        padded = b"\x03" + b"\x00\x00\x00\x00\x10" + block[:4] + bytes(3)
        out = encode_frame(frames.HEADERS, frames.PADDED | frames.PRIORITY, stream, padded)
        out += encode_frame(frames.CONTINUATION, frames.END_HEADERS, stream, block[4:])
        out += encode_frame(frames.DATA, frames.PADDED, stream, b"\x02" + MESSAGE[:3] + bytes(2))
        out += encode_frame(frames.PING, 0, 0, b"12345678")
        out += encode_frame(frames.DATA, 0, stream, MESSAGE[3:])
        out += encode_frame(0x77, 0xFF, stream, b"of a kind that nobody knows")
        out += encode_frame(
            frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, stream, encoder.encode(END)
        )
        for index in range(len(out)):
            writer.write(out[index : index + 1])
            await writer.drain()
            await asyncio.sleep(0)

    async with scripted(answer) as channel:
        # The encoder refers to earlier blocks: it keeps a table although we asked for none.
        for _ in range(3):
            assert await once(channel) == b"hi"


async def test_response_without_grpc_status_maps_the_http_status() -> None:
    async def answer(stream: int, writer: asyncio.StreamWriter) -> None:
        flags = frames.END_HEADERS | frames.END_STREAM
        writer.write(encode_frame(frames.HEADERS, flags, stream, Encoder().encode([(":status", "503")])))

    async with scripted(answer) as channel:
        with pytest.raises(RpcError, match="HTTP status 503") as caught:
            await once(channel)
        assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize(
    ("code", "meant"), [(7, Code.UNAVAILABLE), (8, Code.CANCELLED), (2, Code.INTERNAL), (1000, Code.INTERNAL)]
)
async def test_reset_stream_maps_the_http_2_error_code(code: int, meant: Code) -> None:
    async def answer(stream: int, writer: asyncio.StreamWriter) -> None:
        writer.write(frames.encode_rst_stream(stream, code))

    async with scripted(answer) as channel:
        with pytest.raises(RpcError) as caught:
            await once(channel)
        assert caught.value.code is meant


async def test_goaway_fails_only_calls_that_the_server_has_not_processed() -> None:
    begun = asyncio.Event()

    async def answer(stream: int, writer: asyncio.StreamWriter) -> None:
        begun.set()
        if stream == 3:
            writer.write(encode_frame(frames.GOAWAY, 0, 0, (1).to_bytes(4, "big") + bytes(4) + b"bye"))
            out = encode_frame(frames.HEADERS, frames.END_HEADERS, 1, Encoder().encode(HEAD))
            out += encode_frame(frames.DATA, 0, 1, MESSAGE)
            flags = frames.END_HEADERS | frames.END_STREAM
            writer.write(out + encode_frame(frames.HEADERS, flags, 1, Encoder().encode(END)))

    async with scripted(answer) as channel:
        first = asyncio.create_task(once(channel))
        await begun.wait()
        with pytest.raises(RpcError, match="sent GOAWAY: bye") as caught:
            await once(channel)
        assert caught.value.code is Code.UNAVAILABLE
        assert await first == b"hi"


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        encode_frame(frames.SETTINGS, 0, 0, b"12345"),
        encode_frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
        encode_frame(frames.HEADERS, 0, 1, b"") + encode_frame(frames.PING, 0, 0, bytes(8)),
        encode_frame(frames.CONTINUATION, 0, 1, b""),
        encode_frame(frames.DATA, frames.PADDED, 1, b"\x09abc"),
        encode_frame(frames.WINDOW_UPDATE, 0, 0, b"1"),
        frames.encode_header(1 << 20, frames.DATA, 0, 1),
    ],
)
async def test_malformed_frames_close_the_connection(sent: bytes) -> None:
    async def answer(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)

    async with scripted(answer) as channel:
        with pytest.raises(RpcError, match="HTTP/2") as caught:
            await once(channel)
        assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize("data", [b"", b"\x00\x00\x00\x00\x05hi", b"\x01\x00\x00\x00\x02hi", MESSAGE * 2])
async def test_unary_response_has_to_be_one_message(data: bytes) -> None:
    async def answer(stream: int, writer: asyncio.StreamWriter) -> None:
        out = encode_frame(frames.HEADERS, frames.END_HEADERS, stream, Encoder().encode(HEAD))
        out += encode_frame(frames.DATA, 0, stream, data)
        flags = frames.END_HEADERS | frames.END_STREAM
        writer.write(out + encode_frame(frames.HEADERS, flags, stream, Encoder().encode(END)))

    async with scripted(answer) as channel:
        with pytest.raises(RpcError) as caught:
            await once(channel)
        assert caught.value.code is Code.INTERNAL


async def test_connection_closes_if_pings_are_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kprov.kube.component_base.rpc.connection._KEEPALIVE_SECONDS", 0.05)
    monkeypatch.setattr("kprov.kube.component_base.rpc.connection._KEEPALIVE_TIMEOUT_SECONDS", 0.05)

    async def answer(_: int, __: asyncio.StreamWriter) -> None:
        return

    async with scripted(answer) as channel:
        with pytest.raises(RpcError, match="does not answer PINGs") as caught:
            await once(channel)
        assert caught.value.code is Code.UNAVAILABLE


async def test_ping_ack_is_delayed() -> None:
    """Else a server that measures the way would ask with every call."""
    pongs: asyncio.Queue[bytes] = asyncio.Queue()
    pinged = 0

    async def answer(stream: int, writer: asyncio.StreamWriter) -> None:
        nonlocal pinged
        encoder = Encoder()
        if not pinged:
            writer.write(encode_frame(frames.PING, 0, 0, b"12345678"))
        pinged += 1
        writer.write(encode_frame(frames.HEADERS, frames.END_HEADERS, stream, encoder.encode(HEAD)))
        writer.write(encode_frame(frames.DATA, 0, stream, MESSAGE))
        end = frames.END_HEADERS | frames.END_STREAM
        writer.write(encode_frame(frames.HEADERS, end, stream, encoder.encode(END)))

    async with scripted(answer, pongs) as channel:
        await once(channel)
        begin = asyncio.get_running_loop().time()
        await once(channel)
        if asyncio.get_running_loop().time() - begin < frame_connection._PING_ACK_DELAY_SECONDS / 2:
            assert pongs.empty()
        assert await asyncio.wait_for(pongs.get(), 5) == b"12345678"
