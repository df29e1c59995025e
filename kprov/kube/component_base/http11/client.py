"""A client for one request that asks to switch protocols: exec, attach, port forwarding, proxied upgrades.

All other requests: see connection_pool.

It parses responses as strictly as the listener parses requests.
Source: RFC 9112, sections 4, 6 and 9; Go's net/http (ReadResponse: error texts).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult

from multidict import CIMultiDict

from kprov.kube.component_base.http11 import framing
from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.chunks import ChunkedDecoder
from kprov.kube.component_base.http11.fields import FieldError, parse_fields

MAX_HEAD_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 64 * 1024
#: 1xx responses before the final one, as Go's client.
MAX_INTERIM: Final = 5
#: How much of an error response is read, and for how long.
_MAX_ERROR_BYTES: Final = 64 * 1024
_ERROR_SECONDS: Final = 10.0
_STATUS_LINE: Final = re.compile("HTTP/1\\.([0-9]) ([1-9][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?")
_LINE_BREAK: Final = re.compile("[\r\n\x00]")


class ResponseError(ValueError):
    """What the server sent is not an HTTP/1 response, or its body has no clear length."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """length: of the body. None: it is chunked, or ends with the connection.

    keep_alive: the server takes another request on the connection.
    """

    status: int
    reason: str
    headers: CIMultiDict[str]
    length: int | None
    is_chunked: bool
    keep_alive: bool


class ClientConnection:
    """For one request. After 101 Switching Protocols `reader` and `writer` carry the other protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, url: SplitResult, context: ssl.SSLContext | None = None) -> ClientConnection:
        """Connect to the URL's host. OSError, of which ssl.SSLError is one. context: for https."""
        is_tls = url.scheme == "https"
        reader, writer = await asyncio.open_connection(
            url.hostname,
            url.port or (443 if is_tls else 80),
            ssl=(context or True) if is_tls else None,
            limit=MAX_HEAD_BYTES,
        )
        return cls(reader, writer)

    async def request(
        self, method: str, target: str, host: str, headers: Iterable[tuple[str, str]]
    ) -> ResponseHead:
        """Send a request without a body. Closes the connection if it raises.

        EOFError: the server closed the connection. ResponseError: it sent something else than a response.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in headers]
        try:
            if any(map(_LINE_BREAK.search, lines)):
                raise ValueError("a header has a line break in it")
            self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))
            await self.writer.drain()
            for _ in range(MAX_INTERIM + 1):
                head = parse_response_head(await self._read_head())
                if head.status == 101 or head.status >= 200:
                    return head
            raise ResponseError("too many 1xx informational responses")
        except BaseException:
            self.close()
            raise

    async def _read_head(self) -> list[str]:
        """The lines up to the empty one, without their ends."""
        lines: list[str] = []
        size = 0
        while True:
            try:
                line = await self.reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                raise ResponseError("response header is too large") from error
            size += len(line)
            if size > MAX_HEAD_BYTES:
                raise ResponseError("response header is too large")
            if not line.endswith(b"\r\n"):
                raise ResponseError("a line of the response ends with bare LF")
            if line == b"\r\n":
                return lines
            lines.append(line[:-2].decode("utf-8", "surrogateescape"))

    async def iter_body(self, head: ResponseHead) -> AsyncIterator[bytes]:
        """The body in pieces. EOFError: it is incomplete. BrokenBodyError: its chunks are malformed."""
        if head.is_chunked:
            pieces: list[bytes] = []
            chunks = ChunkedDecoder(pieces.append)
            rest = None
            while rest is None:
                rest = chunks.feed(await self._read_piece(_PIECE_BYTES))
                for piece in pieces:
                    yield piece
                pieces.clear()
        elif head.length is not None:
            left = head.length
            while left:
                piece = await self._read_piece(min(left, _PIECE_BYTES))
                left -= len(piece)
                yield piece
        else:
            while piece := await self.reader.read(_PIECE_BYTES):
                yield piece

    async def _read_piece(self, limit: int) -> bytes:
        piece = await self.reader.read(limit)
        if not piece:
            raise EOFError("unexpected EOF")
        return piece

    async def read_error_body(self, head: ResponseHead) -> bytes:
        """The body of an error response: the bytes that arrive within 10 s, at most 64 KiB."""
        found = b""
        with contextlib.suppress(EOFError, OSError, TimeoutError, BrokenBodyError):
            async with asyncio.timeout(_ERROR_SECONDS):
                async for piece in self.iter_body(head):
                    found += piece
                    if len(found) >= _MAX_ERROR_BYTES:
                        break
        return found[:_MAX_ERROR_BYTES]

    def close(self) -> None:
        self.writer.close()


def parse_response_head(lines: list[str]) -> ResponseHead:
    """lines: without their ends and without the empty one. ResponseError."""
    first = lines[0] if lines else ""
    matched = _STATUS_LINE.fullmatch(first)
    if matched is None:
        text = first[:80].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        raise ResponseError(f"malformed HTTP response {text!r}")
    status = int(matched[2])
    try:
        headers = parse_fields(lines[1:])
        length, is_chunked = _parse_framing(status, headers)
    except (FieldError, framing.FramingError) as error:
        raise ResponseError(str(error)) from error
    keep_alive = framing.is_persistent(headers, "1.0" if matched[1] == "0" else "1.1")
    return ResponseHead(status, matched[3] or "", headers, length, is_chunked, keep_alive)


def _parse_framing(status: int, headers: CIMultiDict[str]) -> tuple[int | None, bool]:
    """Length of the body, and whether it is chunked (RFC 9112, 6.3). framing.FramingError."""
    if status < 200 or status in {204, 304}:
        return 0, False
    if framing.TRANSFER_ENCODING in headers:
        framing.check_chunked(headers)
        return None, True
    if framing.CONTENT_LENGTH in headers:
        return framing.parse_content_length(headers), False
    return None, False


def target_of(url: SplitResult) -> str:
    """The path and query of a URL, as a request line has them."""
    return (url.path or "/") + (f"?{url.query}" if url.query else "")
