"""A connection that has become a WebSocket (RFC 6455); wsproto knows the frames."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType
from wsproto.events import CloseConnection, Ping, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from kprov.kube.component_base.http11.answer import Stream
from kprov.kube.component_base.http11.request import Request

_VERSION: Final = "13"
_CLOSE_SECONDS: Final = 1.0


class HandshakeError(ValueError):
    """The request is no WebSocket's."""


class WebSocket:
    """The server's side. What a client sends is answered where the protocol asks for it, else passed over."""

    def __init__(self, request: Request, stream: Stream) -> None:
        assert request.connection is not None
        self.stream = stream
        self._tunnel = request.connection.tunnel()
        self._frames = Frames(ConnectionType.SERVER)

    @classmethod
    def accept(cls, request: Request) -> WebSocket:
        """Answer the handshake. HandshakeError: it is none; ConnectionResetError: the client is gone."""
        key = request.headers.get("Sec-WebSocket-Key", "")
        if request.method != "GET" or not key or request.headers.get("Sec-WebSocket-Version") != _VERSION:
            raise HandshakeError("the handshake of a WebSocket needs GET, a key and version 13")
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": generate_accept_token(key.encode("utf-8", "surrogateescape")).decode(),
        }
        made = cls(request, Stream(status=101, headers=headers))
        made.stream.start(request)
        return made

    async def send_text(self, text: str) -> None:
        """ConnectionResetError: the client is gone or has closed."""
        try:
            data = self._frames.send(TextMessage(data=text))
        except LocalProtocolError as error:
            raise ConnectionResetError(str(error)) from error
        await self._tunnel.write(data)

    async def closed(self) -> None:
        """Wait for the client's end, giving it its pongs."""
        while data := await self._tunnel.read():
            try:
                self._frames.receive_data(data)
                for event in self._frames.events():
                    if isinstance(event, Ping):
                        await self._tunnel.write(self._frames.send(event.response()))
                    elif isinstance(event, CloseConnection):
                        with contextlib.suppress(LocalProtocolError):
                            await self._tunnel.write(self._frames.send(event.response()))
                        return
            except RemoteProtocolError as error:
                if error.event_hint is not None:
                    with contextlib.suppress(LocalProtocolError):
                        await self._tunnel.write(self._frames.send(error.event_hint))
                return

    async def close(self) -> None:
        """Say goodbye, and wait a moment for the client's."""
        with contextlib.suppress(LocalProtocolError, ConnectionError, TimeoutError):
            await self._tunnel.write(self._frames.send(CloseConnection(code=1000)))
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.closed()
