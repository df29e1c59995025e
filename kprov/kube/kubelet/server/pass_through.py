"""Passes upgrade requests to the container runtime unchanged, then copies bytes in both directions.

The runtime speaks SPDY and all WebSocket subprotocols of exec, attach and port forwarding but the newest.
Source: upstream apimachinery/pkg/util/proxy/upgradeaware.go (tryUpgrade), pkg/kubelet/server/server.go.
"""

from typing import Final

from multidict import CIMultiDict

from kprov.kube.component_base.bidirectional_copy import copy_both_ways
from kprov.kube.component_base.http11.client import ClientConnection
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, Response, StreamResponse
from kprov.kube.component_base.http11.response_head import ResponseHead
from kprov.kube.kubelet.server.runtime_upgrade import request_upgrade

#: What the runtime needs of the client's headers. Credentials stay here.
_FORWARDED: Final = frozenset({"connection", "upgrade", "origin", "user-agent", "x-stream-protocol-version"})
_FORWARDED_PREFIX: Final = "sec-websocket-"
#: What the listener writes itself.
_OWN: Final = ("Date", "Content-Length", "Transfer-Encoding")


async def pass_through(request: Request, url: str) -> BaseResponse:
    """Respond as the runtime at `url` does. After 101 copy bytes until one side ends."""
    headers = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() in _FORWARDED or name.lower().startswith(_FORWARDED_PREFIX)
    ]
    try:
        head, connection = await request_upgrade(url, request.method, headers)
    except OSError as error:
        return Response(status=500, text=f"{error}\n")
    try:
        if head.status != 101:
            return await _make_refusal(request, head, connection)
        return await _switch_protocols(request, head, connection)
    finally:
        connection.close()


async def _make_refusal(request: Request, head: ResponseHead, connection: ClientConnection) -> Response:
    body = await connection.read_error_body(head)
    request.keep_alive = False
    return Response(
        body, status=head.status, reason=head.reason, headers=_drop_connection_headers(head.headers)
    )


def _drop_connection_headers(headers: CIMultiDict[str]) -> CIMultiDict[str]:
    """Return the headers without those that are only for the connection to the runtime."""
    kept = headers.copy()
    for name in (*_OWN, "Server", "Connection", "Upgrade"):
        kept.popall(name, None)
    return kept


async def _switch_protocols(
    request: Request, head: ResponseHead, connection: ClientConnection
) -> StreamResponse:
    assert request.connection is not None
    headers = head.headers.copy()
    for name in (*_OWN, "Server"):
        headers.popall(name, None)
    tunnel = request.connection.tunnel()
    response = StreamResponse(status=101, headers=headers)
    response.start(request)
    await copy_both_ways(tunnel, tunnel.write, connection.reader, connection.writer)
    return response
