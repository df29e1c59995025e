"""Passes upgrade requests to the container runtime unchanged, then copies bytes in both directions.

The runtime speaks SPDY and all WebSocket subprotocols of exec, attach and port forwarding but the newest.
Source: upstream apimachinery/pkg/util/proxy/upgradeaware.go (tryUpgrade), pkg/kubelet/server/server.go.
"""

import asyncio
import logging
from typing import Any, Final

from aiohttp import web
from multidict import CIMultiDict

from kprov.kube.component_base.bidirectional_copy import copy_both_ways
from kprov.kube.component_base.http11.body import Body
from kprov.kube.component_base.http11.client import ClientConnection
from kprov.kube.component_base.http11.response_head import ResponseHead
from kprov.kube.kubelet.server.runtime_upgrade import request_upgrade

log = logging.getLogger(__name__)

#: What the runtime needs of the client's headers. Credentials stay here.
_FORWARDED: Final = frozenset({"connection", "upgrade", "origin", "user-agent", "x-stream-protocol-version"})
_FORWARDED_PREFIX: Final = "sec-websocket-"
#: What aiohttp writes itself.
_OWN: Final = ("Date", "Server", "Content-Length", "Transfer-Encoding")


async def pass_through(request: web.BaseRequest, url: str) -> web.StreamResponse:
    """Respond as the runtime at `url` does. After 101 copy bytes until one side ends."""
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() in _FORWARDED or name.lower().startswith(_FORWARDED_PREFIX)
    ]
    try:
        head, connection = await request_upgrade(url, request.method, headers)
    except OSError as error:
        return web.Response(status=500, text=f"{error}\n")
    try:
        if head.status != 101:
            return await _make_refusal(head, connection)
        return await _switch_protocols(request, head, connection)
    finally:
        connection.close()


async def _make_refusal(head: ResponseHead, connection: ClientConnection) -> web.Response:
    body = await connection.read_error_body(head)
    response = web.Response(
        status=head.status, reason=head.reason, headers=_drop_connection_headers(head.headers), body=body
    )
    response.force_close()
    return response


def _drop_connection_headers(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """The headers without those that are only for the connection to the runtime."""
    kept = headers.copy()
    for name in (*_OWN, "Connection", "Upgrade"):
        kept.popall(name, None)
    return kept


async def _switch_protocols(
    request: web.BaseRequest, head: ResponseHead, connection: ClientConnection
) -> web.StreamResponse:
    headers = head.headers.copy()
    for name in _OWN:
        headers.popall(name, None)
    response = web.StreamResponse(status=101, headers=headers)
    response.force_close()
    try:
        await prepare_upgrade(request, response)
        transport = request.transport
        # None: the client has disconnected.
        if transport is not None:
            await _copy_raw(request, transport, connection.reader, connection.writer)
    except ConnectionError as error:
        log.info("a stream was not opened: %s", error)
    return get_response(response)


async def prepare_upgrade(request: web.BaseRequest, answer: web.StreamResponse) -> None:
    """Send the response's head. ConnectionResetError: the client has disconnected."""
    if request.transport is None:
        raise ConnectionResetError("the client disconnected before its stream was open")
    await answer.prepare(request)


def get_response(begun: web.StreamResponse) -> web.StreamResponse:
    """The response to return. Nothing is sent to a client that disconnected before the response began."""
    return begun if begun.prepared else web.Response()


class _RawProtocol:
    """Replaces aiohttp's parser after the connection has switched protocols.

    Pauses reading while the client sends faster than its data is read.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._incoming = Body(self._pause)
        #: The received data until the client ends.
        self.pieces = self._incoming.iter_any

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self._incoming.feed(data)
        return False, b""

    def feed_eof(self) -> None:
        self._incoming.end()

    def set_exception(self, *_: Any) -> None:
        self._incoming.end()

    def _pause(self, on: bool) -> None:
        if self._transport.is_closing():
            return
        if on:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()


async def _copy_raw(
    request: web.BaseRequest,
    transport: asyncio.Transport,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    raw = _RawProtocol(transport)
    request.protocol.set_parser(raw)  # type: ignore[arg-type]

    async def send(data: bytes) -> None:
        transport.write(data)
        await request.protocol._drain_helper()

    await copy_both_ways(raw.pieces(), send, reader, writer)
    transport.close()
