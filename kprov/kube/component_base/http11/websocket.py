"""A connection that has become a WebSocket (RFC 6455); wsproto knows the frames."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Final

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from kprov.kube.component_base.http11.answer import Response, Stream
from kprov.kube.component_base.http11.request import Request

_VERSION: Final = "13"
#: A URL, or a path: where a browser says its page is from. Whether that may be, the API server does not ask.
_ORIGIN: Final = re.compile("(?:[A-Za-z][A-Za-z0-9+.-]*:|/)(?:[^%]|%[0-9A-Fa-f]{2})*$")
_BAD_VERSION: Final = "missing or bad WebSocket Version"
_CLOSE_SECONDS: Final = 1.0
_NORMAL: Final = 1000
#: As golang.org/x/net takes them.
_MESSAGE_BYTES: Final = 32 * 1024 * 1024


class HandshakeError(ValueError):
    """The request is no WebSocket's, in the words of Go's x/net/websocket; `answer` says it to the client."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text or "the handshake of a WebSocket is refused")
        headers = {"Sec-WebSocket-Version": _VERSION} if text == _BAD_VERSION else {}
        self.answer = Response(text.encode(), status=status, headers=headers)


class WebSocket:
    """The server's side. What a client sends is answered where the protocol asks for it, else passed over."""

    def __init__(self, request: Request, stream: Stream) -> None:
        assert request.connection is not None
        self.stream = stream
        self._tunnel = request.connection.tunnel()
        self._frames = Frames(ConnectionType.SERVER)

    @classmethod
    def accept(cls, request: Request, *, protocol: str | None = None) -> WebSocket:
        """Answer the handshake. HandshakeError: it is none; ConnectionResetError: the client is gone.

        protocol: the subprotocol spoken, "" for none, wherever the client's page is from.
        None: the one that a client may offer is spoken, whatever it is.
        """
        given = request.headers
        key = given.get("Sec-WebSocket-Key", "")
        if request.method != "GET":
            raise HandshakeError(405, "bad method")
        if not key:
            raise HandshakeError(400, "mismatch challenge/response")
        if given.get("Sec-WebSocket-Version") != _VERSION:
            raise HandshakeError(400, _BAD_VERSION)
        if protocol is None and not _ORIGIN.match(given.get("Origin", "")):
            raise HandshakeError(403)
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": generate_accept_token(key.encode("utf-8", "surrogateescape")).decode(),
        }
        if protocol is None:
            protocol = given.get("Sec-WebSocket-Protocol", "").strip()
            if "," in protocol:
                raise HandshakeError(400)
        if protocol:
            headers["Sec-WebSocket-Protocol"] = protocol
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

    async def send_bytes(self, data: bytes) -> None:
        """ConnectionResetError: the client is gone or has closed."""
        try:
            frame = self._frames.send(BytesMessage(data=data))
        except LocalProtocolError as error:
            raise ConnectionResetError(str(error)) from error
        await self._tunnel.write(frame)

    async def messages(self, *, text: bool = True, code: int | None = _NORMAL) -> AsyncIterator[bytes]:
        """Whole messages until the client's end, giving it its pongs; an error of the client's is one, too.

        text: whether there may be any; else the first is the end. code: answers a client's; None: its own.
        """
        parts: list[bytes] = []
        size = 0
        while data := await self._tunnel.read():
            try:
                self._frames.receive_data(data)
                for event in self._frames.events():
                    if isinstance(event, TextMessage | BytesMessage):
                        if isinstance(event, BytesMessage):
                            parts.append(bytes(event.data))
                        elif text:
                            parts.append(event.data.encode())
                        else:
                            return
                        size += len(parts[-1])
                        if size > _MESSAGE_BYTES:
                            return
                        if event.message_finished:
                            yield b"".join(parts)
                            parts, size = [], 0
                    elif isinstance(event, Ping):
                        await self._tunnel.write(self._frames.send(event.response()))
                    elif isinstance(event, CloseConnection):
                        with contextlib.suppress(LocalProtocolError):
                            answer = CloseConnection(code=event.code if code is None else code)
                            await self._tunnel.write(self._frames.send(answer))
                        return
            except RemoteProtocolError as error:
                if error.event_hint is not None:
                    with contextlib.suppress(LocalProtocolError):
                        await self._tunnel.write(self._frames.send(error.event_hint))
                return

    async def closed(self) -> None:
        """Wait for the client's end; what it says is passed over."""
        async for _ in self.messages():
            pass

    async def close(self) -> None:
        """Say goodbye, and wait a moment for the client's."""
        with contextlib.suppress(LocalProtocolError, ConnectionError, TimeoutError):
            await self._tunnel.write(self._frames.send(CloseConnection(code=_NORMAL)))
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self.closed()
