"""Forward one HTTP request to a backend and its response to the client, both streamed.

Source: upstream apimachinery/pkg/util/proxy/{upgradeaware,transport}.go.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from kprov.kube.apiserver.streaming import dial_errors, encodings, headers, html_links, paths
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse, StreamResponse
from kprov.kube.machinery import status

_CONNECT_SECONDS: Final = 30.0


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
    body: Any = request.body.iter_any() if request.has_body else None
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=context),
        timeout=timeout,
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept-Encoding", "Accept", "Content-Type"),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        try:
            answer = await session.request(
                request.method,
                URL(url.geturl(), encoded=True),
                headers=sent,
                data=body,
                allow_redirects=False,
            )
        except aiohttp.ServerDisconnectedError as error:
            raise status.service_unavailable("error trying to reach service: EOF") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            text = f"error trying to reach service: {dial_errors.describe_error(error, url)}"
            raise status.service_unavailable(text) from error
        async with answer:
            if answer.status == 101:
                # A 101 without a request for an upgrade: the bytes after it are not HTTP.
                other = status.quoted(answer.headers.get("Upgrade", ""))
                text = f'backend tried to switch protocol {other} when "" was requested'
                raise status.failure(500, "", text)
            return await _forward_answer(request, answer, url, prefix, unpacks=unpacks)


async def _forward_answer(
    request: Request, answer: aiohttp.ClientResponse, url: SplitResult, prefix: str, *, unpacks: bool
) -> BaseResponse:
    kept = headers.filter_answer(CIMultiDict(answer.headers))
    pieces: AsyncIterator[bytes] = answer.content.iter_any()
    if unpacks and kept.get("Content-Encoding", "").lower() == "gzip":
        del kept["Content-Encoding"]
        kept.popall("Content-Length", None)
        pieces = encodings.decompress(pieces)
    kept.add("Cache-Control", "no-cache, private")
    if answer.status == 304:
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
        except (aiohttp.ClientError, encodings.InvalidEncodingError) as error:
            raise status.failure(500, "", "unexpected EOF") from error
    response = StreamResponse(status=answer.status, headers=kept)
    response.start(request)
    try:
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
    except (aiohttp.ClientError, encodings.InvalidEncodingError) as error:
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
