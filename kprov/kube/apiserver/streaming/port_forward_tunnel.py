"""Port forwarding with SPDY inside of a WebSocket, for a kubelet that only supports SPDY.

Source: upstream apiserver/pkg/util/proxy/streamtunnel.go.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from typing import Final
from urllib.parse import SplitResult

from kprov.kube.apiserver.streaming import headers, upgrade, websocket_channels
from kprov.kube.component_base.bidirectional_copy import copy_both_ways
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import REASONS, BaseResponse, Response
from kprov.kube.component_base.http11.websocket import HandshakeError, WebSocket

_PREFIX: Final = "SPDY/3.1+"
_SUFFIX: Final = ".k8s.io"
_WEBSOCKET: Final = ("Sec-Websocket-Protocol", "Sec-Websocket-Key", "Sec-Websocket-Version")
_VERSION: Final = "X-Stream-Protocol-Version"
_PIECE: Final = 32 * 1024
_KEY_BYTES: Final = 16


def is_requested(request: Request) -> bool:
    """Whether a client offers SPDY inside of its WebSocket."""
    return request.upgrade == "websocket" and bool(_list_tunnel_protocols(request))


def _list_tunnel_protocols(request: Request) -> list[str]:
    return [
        protocol.removeprefix(_PREFIX)
        for protocol in websocket_channels.list_protocols(request)
        if protocol.startswith(_PREFIX) and protocol.endswith(_SUFFIX)
    ]


async def forward(request: Request, url: SplitResult, context: ssl.SSLContext) -> BaseResponse:
    """Open a SPDY connection to the kubelet and forward its bytes as messages. Forward its errors."""
    sent = headers.filter_upgrade(request)
    for name in _WEBSOCKET:
        sent.popall(name, None)
    sent["Upgrade"] = "SPDY/3.1"
    sent["Content-Length"] = "0"
    sent.popall(_VERSION, None)
    for protocol in _list_tunnel_protocols(request):
        sent.add(_VERSION, protocol)
    head, connection = await upgrade.open_upgrade(request, "POST", url, sent, context)
    try:
        if head.status != 101:
            return await upgrade.forward_refusal(request, head, connection)
        if not upgrade.is_spdy(head):
            return Response(text="unable to upgrade: missing upgrade headers in response\n", status=500)
        chosen = _PREFIX + head.headers.get(_VERSION, "").strip()
        if not _is_key(request.headers.get("Sec-WebSocket-Key", "")):
            return _build_error(400 if request.method == "GET" else 405)
        try:
            socket = WebSocket.accept(
                request, protocol=chosen if chosen in websocket_channels.list_protocols(request) else ""
            )
        except HandshakeError as error:
            return _build_error(error.answer.status)
        await _copy(socket, connection.reader, connection.writer)
        return socket.stream
    finally:
        connection.close()


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == _KEY_BYTES
    except ValueError:
        return False


def _build_error(code: int) -> Response:
    """Return the error of upstream's WebSocket library."""
    headers = {
        "Cache-Control": "no-cache, private",
        "Sec-Websocket-Version": "13",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(text=f"{REASONS[code]}\n", status=code, headers=headers)


async def _copy(socket: WebSocket, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        incoming = socket.iter_messages(text=False, code=None)
        await copy_both_ways(incoming, socket.send_bytes, reader, writer, piece_bytes=_PIECE)
    finally:
        with contextlib.suppress(ConnectionError):
            await socket.close()
