"""A connection after it has switched protocols: its bytes as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from kprov.kube.component_base.http11.body import Body

if TYPE_CHECKING:
    import asyncio


class TunnelConnection(Protocol):
    """The connection of a tunnel."""

    @property
    def transport(self) -> asyncio.Transport | None:
        """None once the client has disconnected."""

    def pause_reading(self, on: bool) -> None: ...

    async def drain(self) -> None:
        """Wait while too much is unsent."""


class Tunnel:
    """The bytes behind a request that asks for another protocol, with back pressure on the client."""

    def __init__(self, connection: TunnelConnection) -> None:
        self._connection = connection
        incoming = Body(connection.pause_reading)
        self.feed, self.end = incoming.feed, incoming.end
        #: Wait for bytes. b"" at the end.
        self.read = incoming.read
        #: Return the unread bytes without waiting.
        self.take_unread = incoming.take_unread
        #: Whether the handler reads until the client disconnects. Its task outlives the connection then.
        self.is_read_to_end = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """All bytes that the client has sent, also those that arrived just before it disconnected."""
        self.is_read_to_end = True
        try:
            while data := await self.read():
                yield data
        finally:
            self.is_read_to_end = False

    async def write(self, data: bytes) -> None:
        """Send. Wait while too much is unsent. ConnectionResetError: the client has disconnected."""
        transport = self._connection.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        transport.write(data)
        await self._connection.drain()
