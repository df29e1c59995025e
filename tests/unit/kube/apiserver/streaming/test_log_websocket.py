"""A log over WebSocket, through the API server's own listener on the loopback interface."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType

from kprov.kube.apiserver.streaming import log_websocket
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse

LOG = bytes(range(256)) * 1024


@asynccontextmanager
async def serve(handler: Callable[[Request], Awaitable[BaseResponse]]) -> AsyncIterator[str]:
    """The URL at which `handler` answers."""
    listener = Listener(handler)
    await listener.start("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.port}/log"
    finally:
        await listener.close()


async def log_pieces() -> AsyncIterator[bytes]:
    for start in range(0, len(LOG), 50_000):
        yield LOG[start : start + 50_000]


async def send_log(request: Request) -> BaseResponse:
    return await log_websocket.send_log(request, log_pieces())


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([], None),
        (["binary.k8s.io"], "binary.k8s.io"),
        (["v4.channel.k8s.io", "binary.k8s.io", "base64.binary.k8s.io"], "binary.k8s.io"),
        (["base64url.bearer.authorization.k8s.io.dG9rZW4", "binary.k8s.io"], "binary.k8s.io"),
    ],
)
async def test_a_log_arrives_as_binary_messages(offered: list[str], chosen: str | None) -> None:
    async with (
        serve(send_log) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=offered) as socket,
    ):
        assert socket.protocol == chosen
        messages = [message async for message in socket]
        assert {message.type for message in messages} == {WSMsgType.BINARY}
        assert messages[0].data == b""
        assert b"".join(message.data for message in messages) == LOG
        assert socket.close_code == 1000


async def test_a_log_arrives_as_base64_text() -> None:
    async with (
        serve(send_log) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["base64.binary.k8s.io"]) as socket,
    ):
        assert socket.protocol == "base64.binary.k8s.io"
        messages = [message async for message in socket]
        assert {message.type for message in messages} == {WSMsgType.TEXT}
        assert messages[0].data == ""
        assert b"".join(base64.b64decode(message.data, validate=True) for message in messages) == LOG


async def test_a_client_that_offers_only_unknown_protocols_is_refused() -> None:
    async with serve(send_log) as url, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(url, protocols=["v4.channel.k8s.io"])
        assert caught.value.status == 403


async def test_a_client_that_closes_ends_a_followed_log() -> None:
    ended = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            yield b"first\n"
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    async def follow(request: Request) -> BaseResponse:
        return await log_websocket.send_log(request, endless())

    async with serve(follow) as url, aiohttp.ClientSession() as session, asyncio.timeout(10):
        socket = await session.ws_connect(url, protocols=["binary.k8s.io"])
        assert [await socket.receive_bytes() for _ in range(2)] == [b"", b"first\n"]
        assert await socket.close()
        await ended.wait()


async def test_a_kubelet_that_breaks_off_does_not_look_like_the_end_of_the_log() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"first\n"
        raise EOFError("the kubelet is gone")

    async def send(request: Request) -> BaseResponse:
        return await log_websocket.send_log(request, broken())

    async with (
        serve(send) as url,
        aiohttp.ClientSession() as session,
        session.ws_connect(url, protocols=["binary.k8s.io"]) as socket,
    ):
        assert b"".join([message.data async for message in socket]) == b"first\n"
        assert socket.close_code != 1000
