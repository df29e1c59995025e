"""Messages between the two processes of a server."""

from __future__ import annotations

import asyncio
import socket

import pytest
from multidict import istr

from kprov.kube.apiserver.server.relay_channel import Cancellation, Channel, Message, Ready, Result, Work
from tests.unit.loop_clock import run_loop

_WORK = Work(
    7, "POST", "/api\udcff", [("a", "\udce4"), ("a", "2")], "al\udcffice", ("g",), "", {"k": ("v",)}, True
)


class End:
    """One end of a channel, which collects what arrives."""

    def __init__(self) -> None:
        self.received: list[tuple[Message, bytes]] = []
        self.lost = asyncio.Event()

    async def open(self, end: socket.socket) -> Channel:
        return await Channel.open(end, lambda *message: self.received.append(message), self.lost.set)


async def test_messages_arrive_whole_and_in_order() -> None:
    first, second = socket.socketpair()
    here, there = End(), End()
    one, other = await here.open(first), await there.open(second)
    sent: list[tuple[Message, bytes]] = [
        (_WORK, b"x" * 3_000_000),
        (Cancellation(7), b""),
        (Result(1, 201, "", [("b", "c")], None, {"d": "e"}), b"{}"),
        (Ready(), b""),
    ]
    for message, body in sent:
        one.send(message, body)
    async with asyncio.timeout(10):
        while len(there.received) < len(sent):
            await run_loop(1)
    assert there.received == sent
    other.close()
    async with asyncio.timeout(10):
        await here.lost.wait()
    with pytest.raises(ConnectionResetError):
        one.send(Ready())


async def test_a_message_of_another_type_of_text_is_refused_before_anything_is_sent() -> None:
    first, second = socket.socketpair()
    here, there = End(), End()
    one, other = await here.open(first), await there.open(second)
    with pytest.raises(ValueError, match="unmarshallable"):
        one.send(_WORK._replace(headers=[(istr("a"), "b")]))
    one.send(Ready())
    async with asyncio.timeout(10):
        while not there.received:
            await run_loop(1)
    assert there.received == [(Ready(), b"")]
    one.close()
    other.close()
