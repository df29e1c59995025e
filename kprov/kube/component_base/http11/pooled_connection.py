"""A connection of a pool: one request after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from kprov.kube.component_base.http11.body import Body, BrokenBodyError
from kprov.kube.component_base.http11.response_head import ResponseError, ResponseHead
from kprov.kube.component_base.http11.response_parser import ResponseParser, TruncatedResponseError

DISCONNECTED: Final = "server disconnected"


class PooledConnection(asyncio.Protocol):
    """Owned by its pool while it is idle, else by one response."""

    __slots__ = (
        "_idle_limit",
        "_is_aborted",
        "_is_paused",
        "_loop",
        "_on_lost",
        "_parser",
        "_received_at",
        "_timer",
        "_transport",
        "_waiter",
        "has_answered",
        "idle_since",
        "is_lost",
    )

    def __init__(self, on_lost: Callable[[PooledConnection], None]) -> None:
        """on_lost: called when the connection is closed."""
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._parser: ResponseParser | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_aborted = False
        self._is_paused = False
        self._idle_limit = 0.0
        self._received_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        #: A part of a response to the last request has arrived.
        self.has_answered = False
        self.is_lost = False
        #: Time of the loop at which the pool got it back.
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._is_aborted and not self._transport.is_closing()

    async def send(self, method: str, data: bytes) -> tuple[ResponseHead, Body]:
        """Send a request and wait for the head of its response. data: head and body.

        OSError: the connection broke. ResponseError: the answer is not a response.
        """
        assert self._parser is None
        self.has_answered = False
        if self._transport is None or not self.is_open:
            # Nobody will be called back.
            raise ConnectionResetError(DISCONNECTED)
        self._parser = parser = ResponseParser(method, self._pause_reading)
        self._waiter = self._loop.create_future()
        try:
            self._transport.write(data)
            await self._waiter
        finally:
            self._waiter = None
        assert parser.head is not None
        return parser.head, parser.body

    def limit_idle_time(self, seconds: float) -> None:
        """Break the connection when no data arrive for so long before the end of the response.

        The time while the reader is behind does not count.
        """
        self._idle_limit = seconds
        self._received_at = self._loop.time()
        self._timer = self._loop.call_later(seconds, self._check_idle_time)

    def finish_request(self) -> bool:
        """Forget the request. False: the connection cannot send another one."""
        self._cancel_timer()
        parser, self._parser = self._parser, None
        if parser is None or self._transport is None or not self.is_open:
            return self.is_open
        if not parser.is_complete:
            # For those who read on.
            parser.end(ConnectionAbortedError("the response was released"))
            return False
        return (
            parser.head is not None
            and parser.head.keep_alive
            and not self._is_paused
            # A server may answer before it has read the whole request.
            and not self._transport.get_write_buffer_size()
        )

    def abort(self) -> None:
        """Close it now. Nothing that is unsent matters: it is idle, or nobody waits for its response."""
        self._is_aborted = True
        self._cancel_timer()
        if self._transport is not None:
            self._transport.abort()

    def fail(self, error: Exception) -> None:
        """Raise the error to whoever waits for the response, and close the connection."""
        self._raise(error)
        self.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        if self._is_aborted:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if self._is_aborted:
            return
        if parser is None or parser.is_complete:
            # Nobody asked. A load balancer says so that it closes an idle connection.
            self.abort()
            return
        self.has_answered = True
        try:
            rest = parser.feed(data)
        except (ResponseError, BrokenBodyError) as error:
            self.fail(error)
            return
        if self._timer is not None:
            self._received_at = self._loop.time()
        if parser.head is not None:
            self._wake()
        if rest:
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._cancel_timer()
        parser = self._parser
        if parser is not None and not parser.is_complete:
            error = exc if exc is None or isinstance(exc, OSError) else ConnectionResetError(str(exc))
            if error is None and self._is_aborted:
                error = ConnectionAbortedError("connection aborted")
            if parser.head is not None:
                parser.end(error)
            elif error is None and self.has_answered:
                self._raise(TruncatedResponseError("unexpected EOF"))
            else:
                self._raise(error or ConnectionResetError(DISCONNECTED))
        self._on_lost(self)

    def _raise(self, error: Exception) -> None:
        parser = self._parser
        if parser is not None and parser.head is not None:
            if not parser.body.has_ended:
                parser.body.end(error)
            self._wake()
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _pause_reading(self, on: bool) -> None:
        self._is_paused = on
        self._received_at = self._loop.time()
        if self._transport is None or self._transport.is_closing():
            return
        if on:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _check_idle_time(self) -> None:
        left = self._idle_limit
        if not self._is_paused:
            left += self._received_at - self._loop.time()
        if left <= 0:
            self.fail(TimeoutError(f"no data for {self._idle_limit:g} seconds"))
        else:
            self._timer = self._loop.call_later(left, self._check_idle_time)
