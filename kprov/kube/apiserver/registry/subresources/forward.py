"""One HTTP request passed to a backend and its answer back, both as streams.

Source: upstream apimachinery/pkg/util/proxy/{upgradeaware,transport}.go.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from kprov.kube.apiserver.registry.subresources import dialing, headers, pages
from kprov.kube.component_base.http11.answer import Answer, Response, Stream
from kprov.kube.component_base.http11.request import Request
from kprov.kube.machinery import status

_CONNECT_SECONDS: Final = 30.0


async def send(request: Request, url: SplitResult, prefix: str, context: ssl.SSLContext) -> Answer:
    """prefix: the part of the client's path that stands for the backend. ServiceUnavailable without one."""
    sent = headers.for_request(request)
    sent["X-Forwarded-Uri"] = request.raw_path
    if request.remote:
        sent["X-Forwarded-For"] = ", ".join([*sent.getall("X-Forwarded-For", []), request.remote])
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
            text = f"error trying to reach service: {dialing.problem(error, url)}"
            raise status.service_unavailable(text) from error
        async with answer:
            return await _pass_on(request, answer, url, prefix)


async def _pass_on(request: Request, answer: aiohttp.ClientResponse, url: SplitResult, prefix: str) -> Answer:
    kept = headers.of_answer(CIMultiDict(answer.headers))
    kept.add("Cache-Control", "no-cache, private")
    link = partial(rewritten, backend=url.netloc, host=request.host, prefix=prefix)
    if "Location" in kept:
        kept["Location"] = link(kept["Location"])
    elif request.method != "HEAD" and pages.is_page(kept):
        return await _page(answer, kept, link)
    response = Stream(status=answer.status, headers=kept)
    response.start(request)
    try:
        async for piece in answer.content.iter_any():
            await response.write(piece)
    except aiohttp.ClientError as error:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError(str(error)) from error
    response.end()
    return response


async def _page(answer: aiohttp.ClientResponse, kept: CIMultiDict[str], link: pages.Link) -> Response:
    try:
        body = pages.rewrite(await answer.read(), kept.get("Content-Encoding", ""), link)
    except (aiohttp.ClientError, ValueError) as error:
        raise status.service_unavailable(f"error trying to reach service: {error}") from error
    kept.popall("Content-Length", None)
    return Response(status=answer.status, headers=kept, body=body)


def rewritten(location: str, backend: str, host: str, prefix: str) -> str:
    """A redirect within the backend, led through the proxy; others as they are."""
    target = urlsplit(location)
    if (target.netloc and target.netloc not in {backend, host}) or not target.path.startswith("/"):
        return location
    path = target.path if target.path.startswith(f"{prefix}/") else prefix + target.path
    return target._replace(scheme="", netloc="", path=path).geturl()
