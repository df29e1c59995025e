"""Two connections made one after both have switched protocols: bytes go through as they are.

Source of the rules: upstream apimachinery/pkg/util/proxy/upgradeaware.go (tryUpgrade).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

from multidict import CIMultiDict

from kprov.kube.apiserver.registry.subresources import dialing
from kprov.kube.component_base.http11.answer import Answer, Response, Stream
from kprov.kube.component_base.http11.request import Request
from kprov.kube.machinery import status

_CONNECT_SECONDS: Final = 30.0
_HEAD_BYTES: Final = 64 * 1024
_PIECE: Final = 64 * 1024
_ERROR_BODY: Final = 32 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of the backend's answer."""

    code: int
    headers: CIMultiDict[str]


async def through(
    request: Request, url: SplitResult, headers: Mapping[str, str], context: ssl.SSLContext | None
) -> Answer:
    """Pass an upgrade request on and then all bytes of both sides, until one of them ends.

    headers: what the backend gets, without Host. A refusal of the backend is given to the client as it came.
    ServiceUnavailable when there is no backend.
    """
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await _dial(url, context)
            head = await _ask(request.method, url, headers, reader, writer)
    except EOFError as error:
        raise status.failure(500, "", "unexpected EOF") from error
    except (OSError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
        text = f"error dialing backend: {dialing.problem(error, url)}"
        raise status.failure(500, "", text) from error
    try:
        if head.code != 101:
            return await _refusal(head, reader)
        return await _join(request, head, reader, writer)
    finally:
        writer.close()


async def _dial(
    url: SplitResult, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = url.port or (443 if url.scheme == "https" else 80)
    tls = context if url.scheme == "https" else None
    return await asyncio.open_connection(url.hostname, port, ssl=tls, limit=_HEAD_BYTES)


async def _ask(
    method: str,
    url: SplitResult,
    headers: Mapping[str, str],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> Head:
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {url.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        await writer.drain()
        text = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *rest = text.rstrip("\r\n").split("\r\n")
        found: CIMultiDict[str] = CIMultiDict()
        for line in rest:
            name, _, value = line.partition(":")
            found.add(name.strip(), value.strip())
        return Head(int(first.split(" ", 2)[1]), found)
    except BaseException:
        writer.close()
        raise


async def _refusal(head: Head, reader: asyncio.StreamReader) -> Response:
    """The backend's error; a success is no answer to an upgrade."""
    if head.code < 400:
        raise status.failure(500, "", f"invalid upgrade response: status code {head.code}")
    length = head.headers.get("Content-Length")
    body = b""
    with contextlib.suppress(EOFError, TimeoutError, ValueError):
        async with asyncio.timeout(_CONNECT_SECONDS):
            if length is not None:
                body = await reader.readexactly(min(int(length), _ERROR_BODY))
            elif head.headers.get("Transfer-Encoding", "").lower() == "chunked":
                body = await _chunks(reader)
            else:
                body = await reader.read(_ERROR_BODY)
    content_type = head.headers.get("Content-Type", "text/plain; charset=utf-8")
    return Response(status=head.code, body=body, headers={"Content-Type": content_type})


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while (size := int((await reader.readline()).split(b";")[0] or b"0", 16)) and len(body) < _ERROR_BODY:
        body += await reader.readexactly(size)
        await reader.readline()
    return body


async def _join(
    request: Request, head: Head, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Answer:
    assert request.connection is not None
    tunnel = request.connection.tunnel()
    response = Stream(status=101, headers=head.headers)
    response.start(request)

    async def up() -> None:
        while data := await tunnel.read():
            writer.write(data)
            await writer.drain()

    async def down() -> None:
        while data := await reader.read(_PIECE):
            await tunnel.write(data)

    tasks = {asyncio.ensure_future(up()), asyncio.ensure_future(down())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return response
