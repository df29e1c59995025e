"""The port: idle connections, and the end."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import pytest

from kprov.kube.component_base.http11 import listener as listeners
from kprov.kube.component_base.http11.listener import Listener
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response
from tests.unit.kube.component_base.http11.conftest import Connect

_GET: Final = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_OPTIONS: Final = b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"


async def fine(request: Request) -> BaseResponse:
    return Response(b"fine")


@pytest.mark.parametrize(
    ("said", "seconds"), [(b"", (0.1, 60.0)), (b"GET / HT", (0.1, 60.0)), (_GET, (60.0, 0.1))]
)
async def test_listener_closes_idle_and_slow_connections(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, said: bytes, seconds: tuple[float, float]
) -> None:
    monkeypatch.setattr(listeners, "_SWEEP_SECONDS", 0.05)
    client = await connect(fine, head_seconds=seconds[0], idle_seconds=seconds[1])
    client.send(said)
    assert (await client.rest()).endswith(b"fine" if said == _GET else b"")


async def test_stopping_listener_finishes_responses_and_closes_idle_connections() -> None:
    asked, leave = asyncio.Event(), asyncio.Event()

    async def slow(request: Request) -> BaseResponse:
        asked.set()
        await leave.wait()
        return Response(b"late")

    listener = Listener(slow)
    await listener.start("127.0.0.1", 0)
    idle, unused = await asyncio.open_connection("127.0.0.1", listener.port)
    unused.write(_OPTIONS)
    assert b"200 OK" in await asyncio.wait_for(idle.readuntil(b"\r\n\r\n"), 5)
    busy, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(_GET)
    await asyncio.wait_for(asked.wait(), 5)
    port = listener.port
    listener.stop_accepting()
    assert await asyncio.wait_for(idle.read(), 5) == b""
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    leave.set()
    answer = await asyncio.wait_for(busy.read(), 5)
    assert b"Connection: close\r\n" in answer
    assert answer.endswith(b"late")
    writer.close()
    unused.close()
    await listener.close()


async def test_stopping_listener_answers_clients_that_have_just_connected() -> None:
    listener = Listener(fine)
    await listener.start("127.0.0.1", 0)
    early, early_writer = await asyncio.open_connection("127.0.0.1", listener.port)
    silent, silent_writer = await asyncio.open_connection("127.0.0.1", listener.port)
    # The kernel completes it, and the loop cannot accept it before it stops to accept.
    with socket.create_connection(("127.0.0.1", listener.port), 5) as waiting:
        waiting.sendall(_GET)
        listener.stop_accepting()
        early_writer.write(_GET)
        assert (await asyncio.wait_for(early.read(), 5)).endswith(b"fine")
        waiting.settimeout(5)
        answer = await asyncio.to_thread(waiting.recv, 1000)
        assert b"Connection: close\r\n" in answer
        assert answer.endswith(b"fine")
    await asyncio.wait_for(listener.stop(10), 8)
    assert await asyncio.wait_for(silent.read(), 5) == b""
    early_writer.close()
    silent_writer.close()


async def test_closing_listener_cancels_handlers() -> None:
    asked = asyncio.Event()

    async def endless(request: Request) -> BaseResponse:
        asked.set()
        await asyncio.Event().wait()
        return Response()

    listener = Listener(endless)
    await listener.start("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(_GET)
    await asyncio.wait_for(asked.wait(), 5)
    await asyncio.wait_for(listener.close(), 5)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
