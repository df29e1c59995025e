"""A connection that speaks HTTP no more: its bytes as they are."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.connection import Connection

#: A client is not read from while so many of its bytes lie here unread.
_HIGH_BYTES = 256 * 1024


class Tunnel:
    """What follows a request that asks for another protocol."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._paused = False
        self._changed = asyncio.Event()

    def feed(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        self._changed.set()
        if self._size > _HIGH_BYTES and not self._paused:
            self._paused = True
            self._connection.pause(True)

    def end(self) -> None:
        self._ended = True
        self._changed.set()

    async def read(self) -> bytes:
        """All that has come since; b"" at the end."""
        while not self._pieces and not self._ended:
            self._changed.clear()
            await self._changed.wait()
        data = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self._connection.pause(False)
        return data

    async def write(self, data: bytes) -> None:
        """Send, and wait while too much lies unsent. ConnectionResetError: the client is gone."""
        transport = self._connection.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        transport.write(data)
        await self._connection.drain()
