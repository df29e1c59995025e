"""Upgrade requests that go to the container runtime as they came, and the bytes of both sides after them.

The runtime speaks SPDY and every WebSocket subprotocol of exec, attach and port forwarding but the newest.
Source: upstream apimachinery/pkg/util/proxy/upgradeaware.go (tryUpgrade), pkg/kubelet/server/server.go.
"""

import asyncio
import logging
from typing import Any, Final

from aiohttp import web
from multidict import CIMultiDict

from kprov.kube.component_base.bidirectional_copy import copy_both_ways
from kprov.kube.component_base.http11.body import Body
from kprov.kube.component_base.http11.client import ClientConnection, ResponseHead
from kprov.kube.kubelet.server.runtime_upgrade import request_upgrade

log = logging.getLogger(__name__)

#: What the runtime needs of the client's headers. Credentials stay here.
_FORWARDED: Final = frozenset({"connection", "upgrade", "origin", "user-agent", "x-stream-protocol-version"})
_FORWARDED_PREFIX: Final = "sec-websocket-"
#: What aiohttp writes itself.
_OWN: Final = ("Date", "Server", "Content-Length", "Transfer-Encoding")


async def pass_through(request: web.BaseRequest, url: str) -> web.StreamResponse:
    """Answer as the runtime at `url` does. After 101 copy bytes until one side ends."""
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
            return await _refuse(head, connection)
        return await _switch(request, head, connection)
    finally:
        connection.close()


async def _refuse(head: ResponseHead, connection: ClientConnection) -> web.Response:
    body = await connection.read_error_body(head)
    response = web.Response(
        status=head.status, reason=head.reason, headers=_end_to_end(head.headers), body=body
    )
    response.force_close()
    return response


def _end_to_end(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """A refusal's headers without those of the runtime's connection."""
    kept = headers.copy()
    for name in (*_OWN, "Connection", "Upgrade"):
        kept.popall(name, None)
    return kept


async def _switch(
    request: web.BaseRequest, head: ResponseHead, connection: ClientConnection
) -> web.StreamResponse:
    headers = head.headers.copy()
    for name in _OWN:
        headers.popall(name, None)
    response = web.StreamResponse(status=101, headers=headers)
    response.force_close()
    try:
        await accept(request, response)
        transport = request.transport
        # None: the client left in between.
        if transport is not None:
            await _copy_raw(request, transport, connection.reader, connection.writer)
    except ConnectionError as error:
        log.info("a stream was not opened: %s", error)
    return result(response)


async def accept(request: web.BaseRequest, answer: web.StreamResponse) -> None:
    """Switch protocols. ConnectionResetError: the client left while the runtime was asked."""
    if request.transport is None:
        raise ConnectionResetError("the client left before its stream was open")
    await answer.prepare(request)


def result(begun: web.StreamResponse) -> web.StreamResponse:
    """What a handler returns. A client that left before the answer began gets nothing."""
    return begun if begun.prepared else web.Response()


class _Raw:
    """Takes the place of aiohttp's parser once a connection is no longer HTTP.

    Who sends more than is read is slowed.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._incoming = Body(self._pause)
        #: All that comes, until the client ends.
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
    raw = _Raw(transport)
    request.protocol.set_parser(raw)  # type: ignore[arg-type]

    async def send(data: bytes) -> None:
        transport.write(data)
        await request.protocol._drain_helper()

    await copy_both_ways(raw.pieces(), send, reader, writer)
    transport.close()
