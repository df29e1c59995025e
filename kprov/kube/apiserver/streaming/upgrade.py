"""Upgrade requests that go on to a backend, and the bytes of both sides once they have switched protocols.

Source: upstream apimachinery/pkg/util/proxy/upgradeaware.go (tryUpgrade).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import SplitResult

from kprov.kube.component_base.bidirectional_copy import copy_both_ways
from kprov.kube.component_base.http11 import dial_errors
from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.client import ClientConnection, target_of
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, StreamResponse
from kprov.kube.component_base.http11.response_head import ResponseHead
from kprov.kube.machinery import status

_CONNECT_SECONDS: Final = 30.0
#: Time limit for a backend's error response.
_REFUSAL_SECONDS: Final = 10.0


async def proxy_upgrade(
    request: Request, url: SplitResult, headers: Mapping[str, str], context: ssl.SSLContext | None
) -> BaseResponse:
    """Pass an upgrade request on, and then all bytes of both sides until one of them ends.

    headers: for the backend, without Host. An error response of the backend goes to the client as it is.
    StatusError: the backend cannot be reached.
    """
    head, connection = await open_upgrade(request, request.method, url, headers, context)
    try:
        if head.status != 101:
            return await forward_refusal(request, head, connection)
        return await _switch(request, head, connection)
    finally:
        connection.close()


async def open_upgrade(
    request: Request,
    method: str,
    url: SplitResult,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
) -> tuple[ResponseHead, ClientConnection]:
    """Ask a backend to switch protocols. StatusError: it cannot be reached, or does not respond in HTTP."""
    try:
        return await send_upgrade(method, url, request.host, [*headers.items()], context)
    except EOFError as error:
        raise status.failure(500, "", "unexpected EOF") from error
    except (OSError, TimeoutError, ValueError) as error:
        text = f"error dialing backend: {dial_errors.describe_error(error, url)}"
        raise status.failure(500, "", text) from error


async def send_upgrade(
    method: str,
    url: SplitResult,
    host: str,
    headers: list[tuple[str, str]],
    context: ssl.SSLContext | None,
) -> tuple[ResponseHead, ClientConnection]:
    """Connect and send a request without a body. OSError, TimeoutError, EOFError, ResponseError."""
    async with asyncio.timeout(_CONNECT_SECONDS):
        connection = await ClientConnection.open(url, context)
        head = await connection.request(method, target_of(url), host or url.netloc, headers)
    return head, connection


def is_spdy(head: ResponseHead) -> bool:
    """Whether the backend has switched to SPDY."""
    headers = head.headers
    return (
        "upgrade" in headers.get("Connection", "").lower()
        and "spdy/3.1" in headers.get("Upgrade", "").lower()
    )


async def forward_refusal(
    request: Request, head: ResponseHead, connection: ClientConnection
) -> StreamResponse:
    """Pass on the backend's error response and close. StatusError: the response is not an error."""
    if head.status < 400:
        raise status.failure(500, "", f"invalid upgrade response: status code {head.status}")
    for name in ("Transfer-Encoding", "Connection"):
        head.headers.popall(name, None)
    if not head.is_chunked and head.length is None:
        request.keep_alive = False
    response = StreamResponse(status=head.status, headers=head.headers, reason=head.reason)
    response.start(request)
    request.keep_alive = False
    with contextlib.suppress(EOFError, TimeoutError, BrokenBodyError):
        async with asyncio.timeout(_REFUSAL_SECONDS):
            async for piece in connection.iter_body(head):
                await response.write(piece)
    return response


async def _switch(request: Request, head: ResponseHead, connection: ClientConnection) -> BaseResponse:
    """Pass on 101 Switching Protocols, and then all bytes."""
    assert request.connection is not None
    tunnel = request.connection.tunnel()
    response = StreamResponse(status=101, headers=head.headers)
    response.start(request)
    await copy_both_ways(tunnel, tunnel.write, connection.reader, connection.writer)
    return response
