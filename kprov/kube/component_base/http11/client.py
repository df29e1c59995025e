"""A client for one request on a connection of its own: upgrades, streamed bodies, probes.

Many small requests to one server: see connection_pool.

It parses responses as strictly as the listener parses requests.
Source: RFC 9112, sections 6, 7 and 9; Go's net/http (Transport: error texts).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult

from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.chunks import ChunkedDecoder
from kprov.kube.component_base.http11.response import encode_chunk
from kprov.kube.component_base.http11.response_head import (
    MAX_HEAD_BYTES,
    MAX_INTERIM,
    ResponseError,
    ResponseHead,
    parse_response_head,
)
from kprov.kube.component_base.tasks import start_task

#: What a request and its response raise. EOFError: the server closed the connection too early.
FAILURES: Final = (OSError, EOFError, ResponseError, BrokenBodyError)
_PIECE_BYTES: Final = 64 * 1024
#: How much of an error response is read, and for how long.
_MAX_ERROR_BYTES: Final = 64 * 1024
_ERROR_SECONDS: Final = 10.0
#: How long a server may take to answer the end of TLS.
_SHUTDOWN_SECONDS: Final = 1.0
_LINE_BREAK: Final = re.compile("[\r\n\x00]")


class ClientConnection:
    """For one request. After 101 Switching Protocols `reader` and `writer` carry the other protocol.

    As a context manager it closes the connection and stops to send: without a wait for a server that does not
    read or goes on sending.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._sending: asyncio.Task[None] | None = None
        self._is_complete = False

    @classmethod
    async def open(
        cls, url: SplitResult, context: ssl.SSLContext | None = None, *, seconds: float | None = None
    ) -> ClientConnection:
        """Connect to the URL's host. OSError, of which ssl.SSLError and TimeoutError are some.

        context: for https. seconds: time limit with the TLS handshake, None for no limit.
        """
        is_tls = url.scheme == "https"
        port = url.port or (443 if is_tls else 80)
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection(
                    url.hostname,
                    port,
                    ssl=(context or True) if is_tls else None,
                    ssl_shutdown_timeout=_SHUTDOWN_SECONDS if is_tls else None,
                    limit=MAX_HEAD_BYTES,
                )
        except TimeoutError as error:
            if error.errno is not None:  # the kernel's
                raise
            host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
            raise TimeoutError(f"dial tcp {host}:{port}: i/o timeout") from None
        return cls(reader, writer)

    @classmethod
    async def open_socket(cls, path: str) -> ClientConnection:
        """Connect to a server at a Unix socket. OSError."""
        reader, writer = await asyncio.open_unix_connection(path, limit=MAX_HEAD_BYTES)
        return cls(reader, writer)

    async def request(
        self,
        method: str,
        target: str,
        host: str,
        headers: Iterable[tuple[str, str]],
        body: AsyncIterable[bytes] | None = None,
    ) -> ResponseHead:
        """Send a request and wait for the head of its response. Closes the connection if it raises.

        body: chunked unless a header says its length. It is sent on while the response arrives, and an error
        of the iterator breaks the connection and is raised here.
        EOFError: the server closed the connection. ResponseError: it sent something else than a response.
        """
        pairs = list(headers)
        is_chunked = body is not None and all(name.lower() != "content-length" for name, _ in pairs)
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in pairs]
        if is_chunked:
            lines.append("Transfer-Encoding: chunked")
        try:
            if any(map(_LINE_BREAK.search, lines)):
                raise ValueError("a header has a line break in it")
            self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape"))
            if body is None:
                await self.writer.drain()
            else:
                self._sending = start_task(self._send_body(body, is_chunked=is_chunked), "body of a request")
            head = await self._read_final_head()
        except BaseException:
            self.close()
            raise
        self._is_complete = head.status != 101 and (method == "HEAD" or head.length == 0)
        return head

    async def _send_body(self, pieces: AsyncIterable[bytes], *, is_chunked: bool) -> None:
        try:
            async for piece in pieces:
                if piece and not await self._send(encode_chunk(piece) if is_chunked else piece):
                    return
        except BaseException:
            self.writer.transport.abort()
            raise
        if is_chunked:
            await self._send(b"0\r\n\r\n")

    async def _send(self, data: bytes) -> bool:
        """Return False: the server takes no more. Its response, or that there is none, says why."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError:
            return False
        return True

    async def _read_final_head(self) -> ResponseHead:
        try:
            for _ in range(MAX_INTERIM + 1):
                head = parse_response_head(await self._read_head())
                if head.status == 101 or head.status >= 200:
                    return head
        except (EOFError, OSError):
            sending = self._sending
            if sending is not None and sending.done() and not sending.cancelled():
                sending.result()
            raise
        raise ResponseError("too many 1xx informational responses")

    async def _read_head(self) -> list[str]:
        """Return the lines up to the empty one, without their ends."""
        lines: list[str] = []
        size = 0
        while True:
            try:
                line = await self.reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                raise ResponseError("response header is too large") from error
            except asyncio.IncompleteReadError as error:
                raise EOFError("unexpected EOF" if lines or error.partial else "EOF") from error
            size += len(line)
            if size > MAX_HEAD_BYTES:
                raise ResponseError("response header is too large")
            if not line.endswith(b"\r\n"):
                raise ResponseError("a line of the response ends with bare LF")
            if line == b"\r\n":
                return lines
            lines.append(line[:-2].decode("utf-8", "surrogateescape"))

    async def iter_body(self, head: ResponseHead) -> AsyncIterator[bytes]:
        """Yield the body in pieces. EOFError: it is incomplete. BrokenBodyError: its chunks are malformed."""
        if self._is_complete:
            return
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
        self._is_complete = True

    async def _read_piece(self, limit: int) -> bytes:
        piece = await self.reader.read(limit)
        if not piece:
            raise EOFError("unexpected EOF")
        return piece

    async def read_error_body(
        self, head: ResponseHead, *, limit: int = _MAX_ERROR_BYTES, seconds: float = _ERROR_SECONDS
    ) -> bytes:
        """Return the beginning of an error response: what arrives in that time, at most `limit` bytes."""
        body = b""
        with contextlib.suppress(EOFError, OSError, TimeoutError, BrokenBodyError):
            async with asyncio.timeout(seconds):
                async for piece in self.iter_body(head):
                    body += piece
                    if len(body) >= limit:
                        break
        return body[:limit]

    def close(self) -> None:
        """Close. What is not sent yet is still sent."""
        if self._sending is not None:
            self._sending.cancel()
        self.writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sending = self._sending
        if not self._is_complete or (sending is not None and not sending.done()):
            self.writer.transport.abort()
        self.close()
        if sending is not None:
            # Until then the task reads the body, which its owner wants to read on.
            await asyncio.gather(sending, return_exceptions=True)


def target_of(url: SplitResult) -> str:
    """Return the path and query of a URL, as a request line has them."""
    return (url.path or "/") + (f"?{url.query}" if url.query else "")
