"""Messages between the first process of a server and the process of its heavy requests, over a socket pair.

A message is a few plain values, and bytes that are not encoded again.
"""

from __future__ import annotations

import asyncio
import marshal
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar, cast

_LENGTHS: Final = struct.Struct("!II")

Headers = Sequence[tuple[str, str]]
T = TypeVar("T", bound="Channel")


class Ready(NamedTuple):
    """The process of heavy requests has filled its caches."""


class Work(NamedTuple):
    """An authorized request, whose body is in the bytes of the message."""

    number: int
    method: str
    target: str
    headers: Headers
    user: str
    groups: tuple[str, ...]
    uid: str
    extra: Mapping[str, tuple[str, ...]]
    is_audited: bool


class Cancellation(NamedTuple):
    """The client is gone, or does not want to wait any longer."""

    number: int


class Result(NamedTuple):
    """The response, whose body is in the bytes of the message. metrics_label: see Request."""

    number: int
    status: int
    reason: str
    headers: Headers
    metrics_label: str | None
    annotations: Mapping[str, str]


Message = Ready | Work | Cancellation | Result
_KINDS: Final[tuple[Any, ...]] = (Ready, Work, Cancellation, Result)


class Channel(asyncio.Protocol):
    """One end. Both ends are the same program, so that nothing is checked."""

    def __init__(self, on_message: Callable[[Message, bytes], None], on_lost: Callable[[], None]) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(
        cls,
        end: socket.socket,
        on_message: Callable[[Message, bytes], None],
        on_lost: Callable[[], None],
    ) -> Channel:
        """Take over one end of a socket pair."""
        end.setblocking(False)
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: cls(on_message, on_lost), sock=end)
        return channel

    def send(self, message: Message, body: bytes = b"") -> None:
        """Raise ConnectionError if the other end is gone."""
        if self._transport is None or self._transport.is_closing():
            raise ConnectionResetError("the other process is gone")
        head = marshal.dumps((_KINDS.index(type(message)), *message))
        self._transport.write(_LENGTHS.pack(len(head), len(body)) + head)
        if body:
            self._transport.write(body)

    def close(self) -> None:
        """Close this end. The other one is told."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._on_lost()

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        while len(received) >= _LENGTHS.size:
            head_size, body_size = _LENGTHS.unpack_from(received)
            body_start = _LENGTHS.size + head_size
            end = body_start + body_size
            if len(received) < end:
                return
            kind, *values = marshal.loads(received[_LENGTHS.size : body_start])  # noqa: S302  of this program
            body = bytes(received[body_start:end])
            del received[:end]
            self._on_message(_KINDS[kind](*values), body)
