"""Forward one HTTP request to a backend and its response to the client, both streamed.

Source: upstream apimachinery/pkg/util/proxy/{upgradeaware,transport}.go.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import partial
from typing import Final
from urllib.parse import SplitResult, urlsplit

from kprov.kube.apiserver.streaming import encodings, headers, html_links, paths
from kprov.kube.component_base.http11 import dial_errors
from kprov.kube.component_base.http11.body import ClientGoneError
from kprov.kube.component_base.http11.client import FAILURES, ClientConnection, target_of
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, StreamResponse
from kprov.kube.component_base.http11.response_head import ResponseHead
from kprov.kube.machinery import status

_CONNECT_SECONDS: Final = 30.0
#: What breaks the body of a response.
_BROKEN_ANSWER: Final = (*FAILURES, encodings.InvalidEncodingError)


async def forward_request(
    request: Request, url: SplitResult, prefix: str, context: ssl.SSLContext
) -> BaseResponse:
    """prefix: the part of the client's path in front of the backend's. Raise ServiceUnavailable."""
    sent = headers.filter_request(request)
    sent["Host"] = request.host or url.netloc
    sent["X-Forwarded-Uri"] = paths.join(prefix, url.path)
    headers.add_forwarded_for(request, sent)
    unpacks = encodings.accepts_gzip(request.method, sent)
    if unpacks:
        sent["Accept-Encoding"] = "gzip"
    host = sent.pop("Host")
    body = request.body.iter_any() if request.has_body else None
    if body is None and request.method in headers.BODY_METHODS:
        sent.setdefault("Content-Length", "0")
    connection = await _connect(url, context)
    async with connection:
        try:
            head = await connection.request(request.method, target_of(url), host, sent.items(), body)
        except ClientGoneError:
            raise
        except (*FAILURES, ValueError) as error:
            text = f"error trying to reach service: {dial_errors.describe_error(error, url)}"
            raise status.service_unavailable(text) from error
        if head.status == 101:
            # A 101 without a request for an upgrade: the bytes after it are not HTTP.
            other = status.quoted(head.headers.get("Upgrade", ""))
            text = f'backend tried to switch protocol {other} when "" was requested'
            raise status.failure(500, "", text)
        return await _forward_answer(request, head, connection, url, prefix, unpacks=unpacks)


async def _connect(url: SplitResult, context: ssl.SSLContext) -> ClientConnection:
    """Raise ServiceUnavailable."""
    try:
        return await ClientConnection.open(url, context, seconds=_CONNECT_SECONDS)
    except OSError as error:
        text = f"error trying to reach service: {dial_errors.describe_error(error, url)}"
        raise status.service_unavailable(text) from error


async def _forward_answer(
    request: Request,
    head: ResponseHead,
    connection: ClientConnection,
    url: SplitResult,
    prefix: str,
    *,
    unpacks: bool,
) -> BaseResponse:
    kept = headers.filter_answer(head.headers)
    pieces: AsyncIterator[bytes] = connection.iter_body(head)
    if unpacks and kept.get("Content-Encoding", "").lower() == "gzip":
        del kept["Content-Encoding"]
        kept.popall("Content-Length", None)
        pieces = encodings.decompress(pieces)
    kept.add("Cache-Control", "no-cache, private")
    if head.status == 304:
        # A 304 has no Content-Type.
        kept.popall("Content-Type", None)
    link = partial(rewrite_location, backend=url.netloc, host=request.host, prefix=prefix)
    if "Location" in kept:
        kept["Location"] = link(kept["Location"])
    first = b""
    if "Location" not in kept and request.method != "HEAD" and html_links.is_page(kept):
        kept.popall("Content-Length", None)
        pieces = html_links.rewrite_page(pieces, kept.get("Content-Encoding", ""), link)
        try:
            first = await anext(pieces, b"")
        except _BROKEN_ANSWER as error:
            raise status.failure(500, "", "unexpected EOF") from error
    response = StreamResponse(status=head.status, headers=kept)
    response.start(request)
    try:
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
    except _BROKEN_ANSWER as error:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError(str(error)) from error
    response.end()
    return response


def rewrite_location(location: str, backend: str, host: str, prefix: str) -> str:
    """Rewrite a redirect within the backend to the proxy's path; return others unchanged."""
    target = urlsplit(location)
    if (target.netloc and target.netloc not in {backend, host}) or not target.path.startswith("/"):
        return location
    if target.netloc != host:
        target = target._replace(scheme="", netloc="")
    if not target.path.startswith(prefix):
        target = target._replace(path=paths.join(prefix, target.path))
    return target.geturl()
