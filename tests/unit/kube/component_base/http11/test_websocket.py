"""WebSockets of the listener, against aiohttp's client."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from kprov.kube.component_base.http11 import websocket
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.component_base.http11.websocket import WebSocket
from tests.unit.kube.component_base.http11.conftest import Connect


async def talk(request: Request) -> BaseResponse:
    """Three texts, then until the client has closed."""
    assert request.upgrade == "websocket"
    try:
        socket = WebSocket.accept(request)
    except websocket.HandshakeError as error:
        return error.answer
    for text in ("one", "zwei", "\u4e09" * 50_000):
        await socket.send_text(text)
    await socket.wait_closed()
    return socket.stream


async def test_websocket_exchanges_messages_and_answers_pings_and_close() -> None:
    listener = Listener(talk)
    await listener.start("127.0.0.1", 0)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{listener.port}/", autoping=False, origin="http://a") as socket,
    ):
        assert [await socket.receive_str(timeout=5) for _ in range(3)] == ["one", "zwei", "\u4e09" * 50_000]
        await socket.send_str("passed over")
        await socket.ping(b"there?")
        answer = await socket.receive(timeout=5)
        assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"there?")
        await socket.close()
        assert socket.close_code == 1000
    await listener.close()


async def test_websocket_close_waits_for_the_client() -> None:
    async def short(request: Request) -> BaseResponse:
        socket = WebSocket.accept(request)
        await socket.send_text("bye")
        await socket.close()
        return socket.stream

    listener = Listener(short)
    await listener.start("127.0.0.1", 0)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{listener.port}/", origin="http://a") as socket,
    ):
        assert await socket.receive_str(timeout=5) == "bye"
        assert (await socket.receive(timeout=5)).type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}
    await listener.close()


@pytest.mark.parametrize("missing", ["Sec-WebSocket-Key: a", "Sec-WebSocket-Version: 13"])
async def test_malformed_websocket_handshake_is_refused(connect: Connect, missing: str) -> None:
    client = await connect(talk)
    lines = [
        "Host: x",
        "Connection: keep-alive, Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: a",
        "Sec-WebSocket-Version: 13",
    ]
    lines.remove(missing)
    client.send(("GET / HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode())
    assert (await client.answer())[0] == 400


async def test_malformed_websocket_frames_close_the_connection(connect: Connect) -> None:
    client = await connect(talk)
    client.send(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: http://a\r\n\r\n"
    )
    head = await client.until(b"\r\n\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    client.send(b"\xff" * 20)
    await asyncio.wait_for(client.rest(), 5)


async def test_a_message_of_many_empty_fragments_does_not_hold_the_loop(connect: Connect) -> None:
    """256 KiB of fragments of 6 bytes held it for 200 ms."""
    turns = 0
    received: list[bytes] = []

    async def collect(request: Request) -> BaseResponse:
        nonlocal turns
        socket = WebSocket.accept(request)

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        async for message in socket.iter_messages():
            received.append(message)
            break
        counting.cancel()
        await socket.close()
        return socket.stream

    client = await connect(collect)
    client.send(
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://a\r\n"
        b"Sec-WebSocket-Key: a\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    await client.until(b"\r\n\r\n")
    mask = b"\x80\0\0\0\0"
    client.send(b"\x01" + mask + (b"\0" + mask) * 40_000 + b"\x80" + b"\x82\0\0\0\0ok")
    assert (await asyncio.wait_for(client.reader.readexactly(2), 30))[0] == 0x88
    assert received == [b"ok"]
    assert turns > 20
