"""Two connections made one after both have switched protocols: bytes go through as they are.

Source of the rules: upstream apimachinery/pkg/util/proxy/upgradeaware.go (tryUpgrade).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

from multidict import CIMultiDict

from kprov.kube.apiserver.streaming import dial_errors
from kprov.kube.component_base.both_ways import until_one_ends
from kprov.kube.component_base.http11.answer import Answer, Stream
from kprov.kube.component_base.http11.request import Request
from kprov.kube.machinery import status

_CONNECT_SECONDS: Final = 30.0
_HEAD_BYTES: Final = 64 * 1024
_PIECE: Final = 64 * 1024
#: So long may a refusal take.
_REFUSAL_SECONDS: Final = 10.0
_TOLD_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Head:
    """The first part of the backend's answer."""

    code: int
    reason: str
    headers: CIMultiDict[str]


async def through(
    request: Request, url: SplitResult, headers: Mapping[str, str], context: ssl.SSLContext | None
) -> Answer:
    """Pass an upgrade request on and then all bytes of both sides, until one of them ends.

    headers: what the backend gets, without Host. A refusal of the backend is given to the client as it came.
    ServiceUnavailable when there is no backend.
    """
    head, reader, writer = await opened(request, request.method, url, headers, context)
    try:
        if head.code != 101:
            return await refusal(request, head, reader)
        return await _join(request, head, reader, writer)
    finally:
        writer.close()


async def opened(
    request: Request,
    method: str,
    url: SplitResult,
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
) -> tuple[Head, asyncio.StreamReader, asyncio.StreamWriter]:
    """A backend asked to switch protocols. StatusError: there is none, or it says nothing."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            reader, writer = await dial(url, context)
            head = await ask(method, url, request.host, [*headers.items()], reader, writer)
    except EOFError as error:
        raise status.failure(500, "", "unexpected EOF") from error
    except (OSError, TimeoutError, ValueError, asyncio.LimitOverrunError) as error:
        text = f"error dialing backend: {dial_errors.problem(error, url)}"
        raise status.failure(500, "", text) from error
    return head, reader, writer


def is_spdy(head: Head) -> bool:
    """Whether it has switched to SPDY."""
    given = head.headers
    return "upgrade" in given.get("Connection", "").lower() and "spdy/3.1" in given.get("Upgrade", "").lower()


async def dial(
    url: SplitResult, context: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the URL's host. OSError, ssl.SSLError."""
    port = url.port or (443 if url.scheme == "https" else 80)
    tls = context if url.scheme == "https" else None
    return await asyncio.open_connection(url.hostname, port, ssl=tls, limit=_HEAD_BYTES)


async def ask(
    method: str,
    url: SplitResult,
    host: str,
    headers: Iterable[tuple[str, str]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> Head:
    """Send a request without a body. Closes the connection where it raises.

    EOFError: the backend hung up; ValueError: what it said is no HTTP.
    """
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or url.netloc}"]
    lines += [f"{name}: {value}" for name, value in headers]
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))
        await writer.drain()
        text = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8", "surrogateescape")
        first, *rest = text.rstrip("\r\n").split("\r\n")
        found: CIMultiDict[str] = CIMultiDict()
        for line in rest:
            name, _, value = line.partition(":")
            found.add(name.strip(), value.strip())
        _, code, *reason = first.split(" ", 2)
        return Head(int(code), "".join(reason), found)
    except BaseException:
        writer.close()
        raise


async def refusal(request: Request, head: Head, reader: asyncio.StreamReader) -> Stream:
    """The backend's error, after which the connection ends; a success is no answer to an upgrade."""
    if head.code < 400:
        raise status.failure(500, "", f"invalid upgrade response: status code {head.code}")
    given = head.headers
    chunked = given.get("Transfer-Encoding", "").lower() == "chunked"
    pieces = _pieces(head, reader)
    for name in ("Transfer-Encoding", "Connection"):
        given.popall(name, None)
    if not chunked and "Content-Length" not in given:
        request.keep_alive = False
    response = Stream(status=head.code, headers=given, reason=head.reason)
    response.start(request)
    request.keep_alive = False
    with contextlib.suppress(EOFError, TimeoutError, ValueError):
        async with asyncio.timeout(_REFUSAL_SECONDS):
            async for piece in pieces:
                await response.write(piece)
    return response


async def body(head: Head, reader: asyncio.StreamReader) -> bytes:
    """A backend's refusal, as much of it as is told."""
    found = b""
    with contextlib.suppress(EOFError, TimeoutError, ValueError):
        async with asyncio.timeout(_REFUSAL_SECONDS):
            async for piece in _pieces(head, reader):
                found += piece
                if len(found) >= _TOLD_BYTES:
                    break
    return found


def _pieces(head: Head, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    if head.headers.get("Transfer-Encoding", "").lower() == "chunked":
        return _chunks(reader)
    return _rest(reader, head.headers.get("Content-Length"))


async def _rest(reader: asyncio.StreamReader, length: str | None) -> AsyncIterator[bytes]:
    left = int(length) if length is not None else sys.maxsize
    while left and (piece := await reader.read(min(left, _PIECE))):
        left -= len(piece)
        yield piece


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int((await reader.readline()).split(b";")[0] or b"0", 16):
        yield await reader.readexactly(size)
        await reader.readline()


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

    await until_one_ends(up(), down())
    return response
