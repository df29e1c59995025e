"""Requests to one server over connections that are used again.

Source: RFC 9112, section 9.3 (reuse, repetition of requests).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from multidict import CIMultiDict, istr

from kprov.kube.component_base.http11.body import Body, BrokenBodyError
from kprov.kube.component_base.http11.dialing import Dialer, Origin, SocketOption
from kprov.kube.component_base.http11.pooled_connection import PooledConnection
from kprov.kube.component_base.http11.response_head import ResponseError, ResponseHead

#: What requests raise when no complete response arrives.
FAILURES: Final = (OSError, ResponseError, BrokenBodyError)

#: A server may execute them twice.
_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
#: Without a body they have a length of 0.
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_CONTENT_ENCODING: Final = istr("Content-Encoding")
_LINE_BREAK: Final = re.compile("[\r\n\x00]")
_CLOSED: Final = "the client is closed"
_IDLE_SECONDS: Final = 60.0
_CLOSE_SECONDS: Final = 1.0


class ConnectionPool:
    """As many connections as there are requests at once. Idle ones are closed after 60 s."""

    def __init__(
        self,
        origin: Origin,
        *,
        connect_seconds: float,
        idle_seconds: float = _IDLE_SECONDS,
        options: Sequence[SocketOption] = (),
    ) -> None:
        """connect_seconds: time limit for a connection with its TLS handshake. options: of each socket."""
        self._dialer = Dialer(origin, seconds=connect_seconds, options=options)
        self._idle_seconds = idle_seconds
        #: The one that was used last is at the right.
        self._idle: deque[PooledConnection] = deque()
        self._open: set[PooledConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._all_lost: asyncio.Event = asyncio.Event()
        self._is_retired = False
        self._is_closed = False

    @property
    def has_connections(self) -> bool:
        return bool(self._open)

    async def request(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        before_write: Callable[[], object] | None = None,
    ) -> Response:
        """Send a request and wait for the head of its response. Raises FAILURES.

        headers: with Host. before_write: called right before each time that the request is written. If it
        raises, nothing is sent.

        A request that can be repeated safely is sent again, once, over a new connection, if the first one
        fails or breaks before any part of a response has arrived.
        """
        data = _encode_request(method, target, headers, body)
        connection = self._take_idle()
        try:
            connection = connection or await self._connect()
            return await self._exchange(connection, method, data, before_write)
        except OSError as error:
            has_answered = connection is not None and connection.has_answered
            if has_answered or method not in _IDEMPOTENT or self._is_closed or _is_own_timeout(error):
                raise
        return await self._exchange(await self._connect(), method, data, before_write)

    def retire(self) -> None:
        """Close each connection when its request ends, and idle ones now."""
        self._is_retired = True
        self._close_idle()

    async def close(self) -> None:
        """Close all connections. Their requests fail."""
        self._is_closed = self._is_retired = True
        self._close_idle()
        for connection in list(self._open):
            connection.fail(ConnectionAbortedError(_CLOSED))
        if self._open:
            self._all_lost.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._all_lost.wait()

    def release(self, connection: PooledConnection) -> None:
        """Take a connection back whose request has ended in any way. Closes it if it cannot be used again."""
        if not connection.finish_request() or self._is_retired:
            connection.abort()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)
        self._schedule_close()

    def _take_idle(self) -> PooledConnection | None:
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open and connection.idle_since > oldest:
                return connection
            connection.abort()
        return None

    async def _connect(self) -> PooledConnection:
        self._check_open()
        connection = await self._dialer.dial(self._create_connection)
        # Not earlier: uvloop does not say that it has closed a connection whose opening was cancelled.
        if not connection.is_lost:
            self._open.add(connection)
        try:
            self._check_open()
        except ConnectionError:
            connection.abort()
            raise
        return connection

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConnectionError(_CLOSED)

    def _create_connection(self) -> PooledConnection:
        return PooledConnection(self._forget)

    async def _exchange(
        self,
        connection: PooledConnection,
        method: str,
        data: bytes,
        before_write: Callable[[], object] | None,
    ) -> Response:
        try:
            if before_write is not None:
                before_write()
            head, body = await connection.send(method, data)
        except BaseException:
            # Unless nothing was sent, it cannot be used again.
            self.release(connection)
            raise
        if head.headers.get(_CONTENT_ENCODING, "identity") != "identity":
            self.release(connection)
            raise ResponseError(f"unexpected Content-Encoding {head.headers[_CONTENT_ENCODING][:40]!r}")
        return Response(self, connection, head, body)

    def _forget(self, connection: PooledConnection) -> None:
        """Handle that the connection is closed."""
        self._open.discard(connection)
        if not self._open:
            self._all_lost.set()
        if connection in self._idle:
            self._idle.remove(connection)

    def _close_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._idle:
            self._idle.pop().abort()

    def _schedule_close(self) -> None:
        if self._timer is None and self._idle:
            at = self._idle[0].idle_since + self._idle_seconds
            self._timer = asyncio.get_running_loop().call_at(at, self._close_overdue)

    def _close_overdue(self) -> None:
        self._timer = None
        oldest = asyncio.get_running_loop().time() - self._idle_seconds
        while self._idle and self._idle[0].idle_since <= oldest:
            self._idle.popleft().abort()
        self._schedule_close()


class Response:
    """A response whose head has arrived. As a context manager it gives its connection back."""

    __slots__ = ("_body", "_connection", "_pool", "headers", "status")

    def __init__(
        self, pool: ConnectionPool, connection: PooledConnection, head: ResponseHead, body: Body
    ) -> None:
        self._pool = pool
        self._connection: PooledConnection | None = connection
        self._body = body
        self.status = head.status
        self.headers: CIMultiDict[str] = head.headers

    async def read(self) -> bytes:
        """Return the rest of the body. Raises FAILURES."""
        pieces: list[bytes] = []
        while piece := await self._body.read():
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def iter_body(self) -> AsyncIterator[bytes]:
        """Yield the rest of the body, each time all that has arrived. Raises FAILURES."""
        while piece := await self._body.read():
            yield piece

    def limit_idle_time(self, seconds: float) -> None:
        """Fail with TimeoutError if no data arrive for so long."""
        if self._connection is not None:
            self._connection.limit_idle_time(seconds)

    def release(self) -> None:
        """Give the connection back. It closes unless the response is complete."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.release(connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _is_own_timeout(error: OSError) -> bool:
    """Whether this client gave up, not the kernel."""
    return isinstance(error, TimeoutError) and error.errno is None


def _encode_request(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Head and body. ValueError: a line break in the head."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None or method in _WITH_BODY:
        lines.append(f"Content-Length: {len(body or b'')}")
    if any(map(_LINE_BREAK.search, lines)):
        raise ValueError("a line break in the head of a request")
    head = ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")
    return head + body if body else head
