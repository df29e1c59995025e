"""A connection that speaks HTTP no more: its bytes as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprov.kube.component_base.http11.body import Body

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.connection import Connection


class Tunnel:
    """What follows a request that asks for another protocol. Who sends more than is read is slowed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        incoming = Body(connection.pause)
        self.feed, self.end = incoming.feed, incoming.end
        #: All that has come since; b"" at the end.
        self.read = incoming.read
        #: The same without waiting.
        self.taken = incoming.taken

    async def write(self, data: bytes) -> None:
        """Send, and wait while too much lies unsent. ConnectionResetError: the client is gone."""
        transport = self._connection.transport
        if transport is None:
            raise ConnectionResetError("the client is gone")
        transport.write(data)
        await self._connection.drain()
