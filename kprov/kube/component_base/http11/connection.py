"""One client's connection: its requests, one after the other, each with its response."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from kprov.kube.component_base.http11.body import Body, BrokenBodyError, ClientGoneError
from kprov.kube.component_base.http11.handshake import Handshake
from kprov.kube.component_base.http11.head import HeadError
from kprov.kube.component_base.http11.parser import RequestParser
from kprov.kube.component_base.http11.peer_certificates import peer_certificates
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import (
    REASONS,
    BaseResponse,
    Response,
    StreamResponse,
    has_body,
)
from kprov.kube.component_base.http11.tunnel import Tunnel
from kprov.kube.component_base.tasks import start_task

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

#: How much of a body that the handler has not read is read and dropped to keep the connection open, as Go.
_MAX_DISCARD_BYTES: Final = 256 * 1024
#: How long, and how much, a refused client may go on sending before its connection closes (Go: 0.5 s).
_LINGER_SECONDS: Final = 0.5
_LINGER_BYTES: Final = 64 * 1024 * 1024
#: Idle time before TCP keep-alive probes, as upstream's listener.
_KEEPALIVE_SECONDS: Final = 180
#: Pipelined requests of one client. With more the server stops reading from it.
_MAX_PIPELINED: Final = 64
#: How long a client may take to read a whole response, as long as upstream's --request-timeout.
_SEND_SECONDS: Final = 60.0
#: How long a tunnel's handler may take for the bytes of a client that has disconnected.
_TUNNEL_END_SECONDS: Final = 60.0
#: Bodies up to this size are written together with their head.
_MAX_JOINED_BYTES: Final = 64 * 1024
#: Go's bodies of refusals, where they differ from the status line.
_REFUSAL_BODIES: Final = {417: b"", 501: b"Unsupported transfer encoding"}
#: How much of a body is dropped that comes with `OPTIONS *`.
_MAX_OPTIONS_BYTES: Final = 4096
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class ConnectionListener(Protocol):
    """The listener that accepts connections."""

    connections: set[Connection]
    handler: Callable[[Any], Awaitable[BaseResponse]]
    head_seconds: float
    is_stopping: bool
    request_class: type[Request]

    def date_line(self) -> str:
        """Return the header line Date."""


class Connection(asyncio.Protocol):
    """Made by the listener. transport: None once the connection is lost."""

    def __init__(self, listener: ConnectionListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser = RequestParser(self, listener.request_class)
        self._queue: deque[Request | HeadError] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._pauses = 0
        self._drained: asyncio.Future[None] | None = None
        self._tunnel: Tunnel | None = None
        self._certificates: tuple[bytes, ...] | None = None
        self._has_read_certificate = False
        self._certificate: dict[str, Any] | None = None
        #: Since when the server waits for a head, or for the rest of one.
        self._since = monotonic()
        self.is_new = True
        #: Whether a part of the response to the current request is sent.
        self.is_responding = False
        self.transport: asyncio.Transport | None = None
        self.remote = ""
        self.tls: Any = None

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The client's certificate in DER, then the others that it sent, in its order."""
        if self._certificates is None:
            self._certificates = () if self.tls is None else peer_certificates(self.tls)
        return self._certificates

    @property
    def certificate(self) -> dict[str, Any] | None:
        """The verified client certificate as ssl.SSLSocket.getpeercert returns it. None for none."""
        if not self._has_read_certificate:
            self._certificate = (self.tls.getpeercert() or None) if self.tls is not None else None
            self._has_read_certificate = True
        return self._certificate

    # callbacks of the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not by isinstance: uvloop's TLS transport is none of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.tls = transport.get_extra_info("ssl_object")
        if isinstance(self.tls, Handshake) and self.tls.has_failed:
            transport.close()
            return
        wire = transport.get_extra_info("socket")
        if wire is not None:
            # Otherwise a watch would stay for ever whose client has lost its network.
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) else ""
        self._listener.connections.add(self)
        self._task = start_task(self._serve(), "HTTP connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        gone = ClientGoneError("the client is gone")
        self._parser.end(gone)
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(gone)
            self._drained.exception()  # nobody may be waiting
        if self._tunnel is not None:
            self._tunnel.end()
            if self._tunnel.is_read_to_end and self._task is not None:
                self._finish_tunnel(self._task)
                return
        self._listener.connections.discard(self)
        if self._task is not None:
            self._task.cancel()

    def _finish_tunnel(self, task: asyncio.Task[None]) -> None:
        """Let the handler pass on what the client sent before it disconnected."""
        timer = self._loop.call_later(_TUNNEL_END_SECONDS, task.cancel)

        def end(_: asyncio.Task[None]) -> None:
            timer.cancel()
            self._listener.connections.discard(self)

        task.add_done_callback(end)

    def data_received(self, data: bytes) -> None:
        if self._tunnel is not None:
            self._tunnel.feed(data)
            return
        parser = self._parser
        was_in_head = parser.in_head
        parser.feed(data)
        if parser.in_head and not was_in_head:
            self._since = monotonic()

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    # callbacks of the parser

    def on_request(self, request: Request) -> None:
        """Queue a request whose head is complete. Its body follows."""
        self._enqueue(request)

    def on_bad_request(self, error: HeadError) -> None:
        """Queue the answer to data that is no request. It is sent after the responses to earlier requests."""
        self._enqueue(error)

    def start_tunnel(self, data: bytes) -> None:
        """Start a tunnel for the other protocol that follows the last request. `data`: its first bytes."""
        self._tunnel = Tunnel(self)
        if data:
            self._tunnel.feed(data)

    def send_continue(self) -> None:
        """Send 100 Continue: the handler reads a body whose client waits for it."""
        if self.transport is not None:
            self.transport.write(_CONTINUE)

    def pause_reading(self, on: bool) -> None:
        """Stop reading from the client until each caller has resumed."""
        self._pauses += 1 if on else -1
        if self.transport is None or self.transport.is_closing():
            return
        if on and self._pauses == 1:
            self.transport.pause_reading()
        elif not on and not self._pauses:
            self.transport.resume_reading()

    # requests

    def _enqueue(self, request: Request | HeadError) -> None:
        self._queue.append(request)
        if len(self._queue) == _MAX_PIPELINED:
            self.pause_reading(True)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def tunnel(self) -> Tunnel:
        """Return the bytes that follow the current request, which asks for another protocol.

        ValueError: it asks for none.
        """
        if self._tunnel is None:
            raise ValueError("the request asks for no other protocol")
        return self._tunnel

    async def _serve(self) -> None:
        try:
            while await self._serve_next():
                pass
        except (ConnectionError, TimeoutError, BrokenBodyError):
            pass
        except Exception:
            log.exception("a request of %s failed", self.remote)
        if self.transport is not None:
            self.transport.close()

    async def _serve_next(self) -> bool:
        """Wait for a request and send the response. Whether the connection stays open."""
        if not self._queue and not await self._wait_for_request():
            return False
        request = self._queue.popleft()
        self.is_new = False
        if len(self._queue) == _MAX_PIPELINED - 1:
            self.pause_reading(False)
        if isinstance(request, HeadError):
            return await self._refuse(request)
        is_options = request.raw_path == "*" and request.method == "OPTIONS"
        handler = self._handle_server_options if is_options else self._listener.handler
        self.is_responding = False
        try:
            response = await handler(request)
        except BrokenBodyError:
            return not self.is_responding and await self._refuse(HeadError())
        if self.transport is None:
            return False
        if isinstance(response, StreamResponse):
            response.end()
        else:
            if not request.body.has_ended:
                await self._drop_chunks(request)
            self._send(request, response)
        if self._drained is not None:
            await self._drain_in_time()
        if self._tunnel is None and request.body.has_ended and request.body.error is None:
            return request.keep_alive
        return await self._finish(request, response)

    async def _wait_for_request(self) -> bool:
        """Return False: the listener is stopping, and has answered a request of this connection."""
        if self._listener.is_stopping and not self.is_new:
            return False
        self._since = monotonic()
        waiter = self._waiter = self._loop.create_future()
        await waiter
        self._waiter = None
        return True

    async def _refuse(self, error: HeadError) -> bool:
        self._write_refusal(error)
        await self._linger(None)
        return False

    async def _finish(self, request: Request, response: BaseResponse) -> bool:
        """Deal with an ignored upgrade, an unread or a broken body. Whether the connection stays open."""
        if self._tunnel is not None and not self._queue:
            if response.status == 101 or not request.keep_alive:
                return False
            tunnel, self._tunnel = self._tunnel, None
            self._parser.resume(tunnel.take_unread())
        if not request.body.has_ended:
            return await self._drop_rest(request) and request.keep_alive
        if request.body.error is not None:
            await self._linger(None)
        return request.keep_alive

    async def _handle_server_options(self, request: Request) -> BaseResponse:
        """`OPTIONS *` asks for the options of the whole server: there are none, as in Go's."""
        with contextlib.suppress(BrokenBodyError):
            if request.has_body and not await request.body.discard(_MAX_OPTIONS_BYTES):
                request.keep_alive = False
        return Response()

    async def _drop_chunks(self, request: Request) -> None:
        """Read an unread chunked body: only its end shows whether the connection can stay open."""
        body = request.body
        if request.keep_alive and body.on_first_read is None and request.content_length is None:
            with contextlib.suppress(TimeoutError, BrokenBodyError):
                async with asyncio.timeout(self._listener.head_seconds):
                    await body.discard(_MAX_DISCARD_BYTES)

    async def _drop_rest(self, request: Request) -> bool:
        """Read what the handler has not read. Whether the connection stays open."""
        # Too late for 100 Continue.
        request.body.on_first_read = None
        if request.keep_alive:
            async with asyncio.timeout(self._listener.head_seconds):
                return await request.body.discard(_MAX_DISCARD_BYTES)
        await self._linger(request.body)
        return False

    async def _linger(self, body: Body | None) -> None:
        """Read and drop for a moment: a client that still sends would lose the response."""
        with contextlib.suppress(TimeoutError, BrokenBodyError):
            async with asyncio.timeout(_LINGER_SECONDS):
                if body is None:
                    await self._loop.create_future()
                else:
                    await body.discard(_LINGER_BYTES)

    # responses

    def start_stream(self, request: Request, stream: StreamResponse) -> bool:
        """Send a stream's head. Whether its body is chunked."""
        assert self.transport is not None
        self.is_responding = True
        request.before_response(stream)
        lines = self._date_lines(stream)
        chunked = False
        if stream.status != 101:
            if has_body(stream.status) and "Content-Length" not in stream.headers:
                chunked = request.version == "1.1"
                if chunked:
                    lines.append("Transfer-Encoding: chunked")
                else:
                    request.keep_alive = False
            lines += self._connection_lines(request)
        self.transport.write(stream.encode_head(*lines, version=request.version))
        return chunked

    def _send(self, request: Request, response: BaseResponse) -> None:
        assert self.transport is not None
        assert isinstance(response, Response)
        request.before_response(response)
        body = response.body
        lines = self._date_lines(response)
        if has_body(response.status):
            lines.append(f"Content-Length: {len(body)}")
        else:
            body = b""
        lines += self._connection_lines(request)
        head = response.encode_head(*lines, version=request.version)
        if request.method == "HEAD":
            body = b""
        if len(body) <= _MAX_JOINED_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)

    def _date_lines(self, response: BaseResponse) -> list[str]:
        """Empty if a backend's response already has a date (RFC 9110, 6.6.1)."""
        return [] if "Date" in response.headers else [self._listener.date_line()]

    def _connection_lines(self, request: Request) -> list[str]:
        """Return the Connection header."""
        body = request.body
        if self._listener.is_stopping or request.method == "CONNECT":
            request.keep_alive = False
        elif body.on_first_read is not None:
            # The client expects 100-continue and may send the body or not: what comes next is not known.
            request.keep_alive = False
        elif not body.has_ended:
            length = request.content_length
            if length is None or length - body.received > _MAX_DISCARD_BYTES:
                request.keep_alive = False
        is_old = request.version == "1.0"
        if not request.keep_alive:
            return [] if is_old else ["Connection: close"]
        return ["Connection: keep-alive"] if is_old else []

    def _write_refusal(self, error: HeadError) -> None:
        """Refuse in Go's format, where the body repeats the status line."""
        if self.transport is None:
            return
        body = _REFUSAL_BODIES.get(error.code)
        headers = {"Content-Type": "text/plain; charset=utf-8"} if body != b"" else {"Content-Length": "0"}
        reason = f"{REASONS.get(error.code)}: {error.text}" if error.text else ""
        head = Response(
            headers=headers | {"Connection": "close"}, status=error.code, reason=reason
        ).encode_head()
        if body is None:
            body = head.split(b"\r\n", 1)[0].split(b" ", 1)[1]
        self.transport.write(head + body)

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written. ConnectionResetError: it has left."""
        if self._drained is not None:
            await asyncio.shield(self._drained)

    async def _drain_in_time(self) -> None:
        """Wait until the client has taken a whole response. Abort the connection if it does not."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await self.drain()
        except TimeoutError:
            if self.transport is not None:
                self.transport.abort()
            raise

    # closing

    @property
    def is_idle(self) -> bool:
        """Between two requests."""
        return self._waiter is not None and not self._waiter.done() and not self._parser.in_head

    def is_overdue(self, now: float, head_seconds: float, idle_seconds: float) -> bool:
        """Whether the server has waited too long for a request. now: of time.monotonic."""
        if self._waiter is None or self._waiter.done():
            return False
        return now - self._since > (head_seconds if self._parser.in_head or self.is_new else idle_seconds)

    async def wait_closed(self) -> None:
        """Wait for the task that serves the connection."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    def abort(self) -> None:
        """Cancel the handler and close the connection."""
        if self._task is not None:
            self._task.cancel()
        if self.transport is not None:
            self.transport.close()
