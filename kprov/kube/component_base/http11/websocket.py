"""A connection that has become a WebSocket (RFC 6455). wsproto reads and writes the frames."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from typing import Final

from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError, generate_accept_token

from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import Response, StreamResponse

_VERSION: Final = "13"
#: The origin of a browser's page: a URL or a path. The API server accepts any.
_ORIGIN: Final = re.compile("(?:[A-Za-z][A-Za-z0-9+.-]*:|/)(?:[^%]|%[0-9A-Fa-f]{2})*$")
_BAD_VERSION: Final = "missing or bad WebSocket Version"
_CLOSE_SECONDS: Final = 1.0
_NORMAL: Final = 1000
#: Limit of golang.org/x/net/websocket.
_MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024
#: The event loop handles other connections after so many received bytes: empty frames cost 5 us for 6 bytes.
_SLICE_BYTES: Final = 8 * 1024


class HandshakeError(ValueError):
    """Not a WebSocket handshake. Texts of Go's x/net/websocket. answer: the response to the client."""

    def __init__(self, status: int, text: str = "") -> None:
        super().__init__(text or "the handshake of a WebSocket is refused")
        headers = {"Sec-WebSocket-Version": _VERSION} if text == _BAD_VERSION else {}
        self.answer = Response(text.encode(), status=status, headers=headers)


class WebSocket:
    """The server's side of a WebSocket."""

    def __init__(self, request: Request, stream: StreamResponse) -> None:
        assert request.connection is not None
        self.stream = stream
        self._tunnel = request.connection.tunnel()
        self._frames = Frames(ConnectionType.SERVER)

    @classmethod
    def accept(cls, request: Request, *, protocol: str | None = None) -> WebSocket:
        """Answer the handshake. HandshakeError, and ConnectionResetError if the client has disconnected.

        protocol: the subprotocol, "" for none; Origin is not required. None: accept the one that the client
        offers, whatever it is.
        """
        request_headers = request.headers
        key = request_headers.get("Sec-WebSocket-Key", "")
        if request.method != "GET":
            raise HandshakeError(405, "bad method")
        if not key:
            raise HandshakeError(400, "mismatch challenge/response")
        if request_headers.get("Sec-WebSocket-Version") != _VERSION:
            raise HandshakeError(400, _BAD_VERSION)
        if protocol is None and not _ORIGIN.match(request_headers.get("Origin", "")):
            raise HandshakeError(403)
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": generate_accept_token(key.encode("utf-8", "surrogateescape")).decode(),
        }
        if protocol is None:
            protocol = request_headers.get("Sec-WebSocket-Protocol", "").strip()
            if "," in protocol:
                raise HandshakeError(400)
        if protocol:
            headers["Sec-WebSocket-Protocol"] = protocol
        made = cls(request, StreamResponse(status=101, headers=headers))
        made.stream.start(request)
        return made

    async def send_text(self, text: str) -> None:
        """ConnectionResetError: the client has disconnected or closed."""
        try:
            data = self._frames.send(TextMessage(data=text))
        except LocalProtocolError as error:
            raise ConnectionResetError(str(error)) from error
        await self._tunnel.write(data)

    async def send_bytes(self, data: bytes) -> None:
        """ConnectionResetError: the client has disconnected or closed."""
        try:
            frame = self._frames.send(BytesMessage(data=data))
        except LocalProtocolError as error:
            raise ConnectionResetError(str(error)) from error
        await self._tunnel.write(frame)

    async def iter_messages(self, *, text: bool = True, code: int | None = _NORMAL) -> AsyncIterator[bytes]:
        """Complete messages until the client closes or breaks the protocol. Answers its pings.

        text: False ends at the first text message. code: of the Close frame that answers the client's. None:
        repeat the client's code.
        """
        # Not a list of parts: parts may be empty, so that their number has no bound.
        message = bytearray()
        async for data in self._iter_slices():
            try:
                self._frames.receive_data(data)
                for event in self._frames.events():
                    if isinstance(event, TextMessage | BytesMessage):
                        if not text and isinstance(event, TextMessage):
                            return
                        message += _bytes_of(event)
                        if len(message) > _MAX_MESSAGE_BYTES:
                            return
                        if event.message_finished:
                            yield bytes(message)
                            message.clear()
                    elif not await self._answer(event, code):
                        return
            except RemoteProtocolError as error:
                if error.event_hint is not None:
                    with contextlib.suppress(LocalProtocolError):
                        await self._tunnel.write(self._frames.send(error.event_hint))
                return

    async def _iter_slices(self) -> AsyncIterator[bytes]:
        """Yield what the client sends, a little at a time."""
        async for data in self._tunnel:
            for start in range(0, len(data), _SLICE_BYTES):
                if start:
                    await asyncio.sleep(0)
                yield data[start : start + _SLICE_BYTES]

    async def _answer(self, event: Event, code: int | None) -> bool:
        """Answer a control frame. False: the client closes."""
        if isinstance(event, Ping):
            await self._tunnel.write(self._frames.send(event.response()))
        elif isinstance(event, CloseConnection):
            with contextlib.suppress(LocalProtocolError):
                answer = CloseConnection(code=event.code if code is None else code)
                await self._tunnel.write(self._frames.send(answer))
            return False
        return True

    async def wait_closed(self) -> None:
        """Wait until the client closes. Ignore its messages."""
        async for _ in self.iter_messages():
            pass

    async def close(self) -> None:
        """Send a Close frame, and wait a moment for the client's."""
        with contextlib.suppress(LocalProtocolError, ConnectionError, TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._tunnel.write(self._frames.send(CloseConnection(code=_NORMAL)))
                await self.wait_closed()


def _bytes_of(event: TextMessage | BytesMessage) -> bytes:
    return event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
