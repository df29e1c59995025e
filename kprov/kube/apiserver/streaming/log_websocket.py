"""pods/log over WebSocket, for browsers.

Source: upstream apiserver/pkg/endpoints/handlers/responsewriters/writers.go (StreamObject) and
k8s.io/streaming/pkg/httpstream/wsstream/stream.go.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Final

from kprov.kube.apiserver.authn.websocket_tokens import PROTOCOL_PREFIX
from kprov.kube.apiserver.streaming import websocket_channels
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.component_base.http11.websocket import HandshakeError, WebSocket
from kprov.kube.component_base.tasks import start_task

_BINARY: Final = "binary.k8s.io"
_BASE64: Final = "base64.binary.k8s.io"


async def send_log(request: Request, pieces: AsyncIterator[bytes]) -> BaseResponse:
    """Switch protocols and send each piece as one message until the log or the client ends.

    A client that offers only unknown subprotocols gets a 403. Errors of `pieces` are raised, and the
    connection ends without a closing handshake.
    """
    try:
        protocol = _choose_protocol(request)
        socket = WebSocket.accept(request, protocol=protocol)
    except HandshakeError as error:
        request.keep_alive = False
        return error.answer
    sending = start_task(_send_pieces(socket, pieces, is_text=protocol == _BASE64), "log")
    closing = start_task(socket.wait_closed(), "end of the client")
    try:
        await asyncio.wait({sending, closing}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            # Raise the kubelet's error: a closing handshake would look like the end of the log.
            sending.result()
    finally:
        for task in (sending, closing):
            task.cancel()
        await asyncio.gather(sending, closing, return_exceptions=True)
    await socket.close()
    return socket.stream


def _choose_protocol(request: Request) -> str:
    """Return the first supported subprotocol, "" if none is offered. Raise HandshakeError 403."""
    offered = [
        offer
        for offer in websocket_channels.list_protocols(request)
        if offer and not offer.startswith(PROTOCOL_PREFIX)
    ]
    for protocol in offered:
        if protocol in {_BINARY, _BASE64}:
            return protocol
    if offered:
        raise HandshakeError(403)
    return ""


async def _send_pieces(socket: WebSocket, pieces: AsyncIterator[bytes], *, is_text: bool) -> None:
    # As upstream, an empty message comes first, which shows that the stream works.
    await _send(socket, b"", is_text=is_text)
    async for piece in pieces:
        await _send(socket, piece, is_text=is_text)


async def _send(socket: WebSocket, data: bytes, *, is_text: bool) -> None:
    if is_text:
        await socket.send_text(base64.b64encode(data).decode())
    else:
        await socket.send_bytes(data)
