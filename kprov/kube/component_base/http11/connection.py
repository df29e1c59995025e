"""One client's connection: its requests one after the other, each given to the handler."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, cast

from kprov.kube.component_base.http11.answer import REASONS, Answer, Response, Stream, has_body
from kprov.kube.component_base.http11.body import Body, BrokenBodyError, ClientGoneError
from kprov.kube.component_base.http11.handshake import Handshake
from kprov.kube.component_base.http11.head import HeadError
from kprov.kube.component_base.http11.parser import Parser
from kprov.kube.component_base.http11.peer import shown_certificates
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.tunnel import Tunnel

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.listener import Listener

log = logging.getLogger(__name__)

#: What of a body nobody has read is taken in, so that the connection can stay, and how long a client that is
#: refused may go on sending before it is cut off. Go's are 256 KiB and half a second.
_REST_BYTES: Final = 256 * 1024
_LINGER_SECONDS: Final = 0.5
_LINGER_BYTES: Final = 64 * 1024 * 1024
#: As upstream's listener.
_KEEPALIVE_SECONDS: Final = 180
#: Requests that a client has sent without waiting for answers; with more it is not read from.
_QUEUED: Final = 64
#: Bodies up to this size travel in one piece with their head.
_JOINED_BYTES: Final = 64 * 1024
#: What Go tells beside a code, where that is not the code's own words.
_WORDS: Final = {417: b"", 501: b"Unsupported transfer encoding"}
#: Of a body that comes with `OPTIONS *`.
_OPTIONS_BYTES: Final = 4096
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(asyncio.Protocol):
    """See Listener for who makes it. transport: None once the client is gone."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser = Parser(self, listener.request_class)
        self._queue: deque[Request | HeadError] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._pauses = 0
        self._drained: asyncio.Future[None] | None = None
        self._tunnel: Tunnel | None = None
        self._certificates: tuple[bytes, ...] | None = None
        # for `overdue`
        self._since = monotonic()
        self._is_new = True
        self.transport: asyncio.Transport | None = None
        self.remote = ""
        self.tls: Any = None

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The client's, in DER, and those that it has sent along, in its order."""
        if self._certificates is None:
            self._certificates = () if self.tls is None else shown_certificates(self.tls)
        return self._certificates

    # what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not by isinstance: uvloop's TLS transport is none of asyncio's.
        self.transport = cast("asyncio.Transport", transport)
        self.tls = transport.get_extra_info("ssl_object")
        if isinstance(self.tls, Handshake) and self.tls.refused:
            transport.close()
            return
        wire = transport.get_extra_info("socket")
        if wire is not None:
            # A watch whose client has lost its network would stay for ever.
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) else ""
        self._listener.connections.add(self)
        self._task = self._loop.create_task(self._serve())

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._listener.connections.discard(self)
        gone = ClientGoneError("the client is gone")
        self._parser.end(gone)
        if self._tunnel is not None:
            self._tunnel.end()
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(gone)
            self._drained.exception()  # nobody may be waiting
        if self._task is not None:
            self._task.cancel()

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

    # what the parser tells

    def requested(self, request: Request) -> None:
        """A head has come; its body follows."""
        self._enqueue(request)

    def refused(self, error: HeadError) -> None:
        """What came is no request: answered when those before it have been."""
        self._enqueue(error)

    def switched(self, data: bytes) -> None:
        """What follows the last request is no HTTP; data is the first of it."""
        self._tunnel = Tunnel(self)
        if data:
            self._tunnel.feed(data)

    def leave_to_send(self) -> None:
        """Somebody reads a body whose client waits for that."""
        if self.transport is not None:
            self.transport.write(_CONTINUE)

    def pause(self, on: bool) -> None:
        """Do not read from the client while anybody wants that."""
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
        if len(self._queue) == _QUEUED:
            self.pause(True)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def tunnel(self) -> Tunnel:
        """The bytes behind the request that is being handled, which asked for another protocol.

        ValueError: it did not.
        """
        if self._tunnel is None:
            raise ValueError("the request asks for no other protocol")
        return self._tunnel

    async def _serve(self) -> None:
        try:
            while await self._next():
                pass
        except (ConnectionError, TimeoutError, BrokenBodyError):
            pass
        except Exception:
            log.exception("a request of %s failed", self.remote)
        if self.transport is not None:
            self.transport.close()

    async def _next(self) -> bool:
        """Answer one request. Whether there may come another."""
        if not self._queue:
            if self._listener.stopping:
                return False
            self._since = monotonic()
            waiter = self._waiter = self._loop.create_future()
            await waiter
            self._waiter = None
        request = self._queue.popleft()
        self._is_new = False
        if len(self._queue) == _QUEUED - 1:
            self.pause(False)
        if isinstance(request, HeadError):
            self._write_refusal(request)
            await self._linger(None)
            return False
        if request.raw_path == "*" and request.method == "OPTIONS":
            answer: Answer = await self._server_options(request)
        else:
            answer = await self._listener.handler(request)
        if self.transport is None:
            return False
        if isinstance(answer, Stream):
            answer.end()
        else:
            if not request.body.ended:
                await self._settle(request)
            self._send(request, answer)
        if self._drained is not None:
            await self.drain()
        if self._tunnel is not None and not self._queue:
            if answer.status == 101 or not request.keep_alive:
                return False
            tunnel, self._tunnel = self._tunnel, None
            self._parser.resume(tunnel.taken())
        if not request.body.ended and not await self._rest(request):
            return False
        return request.keep_alive

    async def _server_options(self, request: Request) -> Answer:
        """Of the server as a whole: it has none to tell, as Go's."""
        with contextlib.suppress(BrokenBodyError):
            if request.has_body and not await request.body.discard(_OPTIONS_BYTES):
                request.keep_alive = False
        return Response()

    async def _settle(self, request: Request) -> None:
        """Take in a body that nobody has read and that does not say how long it is: then it is known."""
        body = request.body
        if request.keep_alive and body.on_first_read is None and request.content_length is None:
            with contextlib.suppress(TimeoutError, BrokenBodyError):
                async with asyncio.timeout(self._listener.head_seconds):
                    await body.discard(_REST_BYTES)

    async def _rest(self, request: Request) -> bool:
        """Take in what the handler has not read. Whether the connection stays."""
        # No leave to send any more.
        request.body.on_first_read = None
        if request.keep_alive:
            async with asyncio.timeout(self._listener.head_seconds):
                return await request.body.discard(_REST_BYTES)
        await self._linger(request.body)
        return False

    async def _linger(self, body: Body | None) -> None:
        """Drop what comes for a moment: closed while its client sends it is reset, the answer lost."""
        with contextlib.suppress(TimeoutError, BrokenBodyError):
            async with asyncio.timeout(_LINGER_SECONDS):
                if body is None:
                    await self._loop.create_future()
                else:
                    await body.discard(_LINGER_BYTES)

    # answers

    def begin(self, request: Request, stream: Stream) -> bool:
        """Send a stream's head. Whether what follows is to be chunked."""
        assert self.transport is not None
        request.answering(stream)
        lines = self._date_line(stream)
        chunked = False
        if stream.status != 101:
            if has_body(stream.status) and "Content-Length" not in stream.headers:
                chunked = request.version == "1.1"
                if chunked:
                    lines.append("Transfer-Encoding: chunked")
                else:
                    request.keep_alive = False
            lines += self._connection_line(request)
        self.transport.write(stream.head(*lines, version=request.version))
        return chunked

    def _send(self, request: Request, answer: Answer) -> None:
        assert self.transport is not None
        assert isinstance(answer, Response)
        request.answering(answer)
        body = answer.body
        lines = self._date_line(answer)
        if has_body(answer.status):
            lines.append(f"Content-Length: {len(body)}")
        else:
            body = b""
        lines += self._connection_line(request)
        head = answer.head(*lines, version=request.version)
        if request.method == "HEAD":
            body = b""
        if len(body) <= _JOINED_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)

    def _date_line(self, answer: Answer) -> list[str]:
        """None where a backend's answer already has its own date (RFC 9110, 6.6.1)."""
        return [] if "Date" in answer.headers else [self._listener.date()]

    def _connection_line(self, request: Request) -> list[str]:
        """The header that tells whether the connection stays."""
        body = request.body
        if self._listener.stopping or request.method == "CONNECT":
            request.keep_alive = False
        elif body.on_first_read is not None:
            # A client that waits for leave to send may send or not: what comes next is not known.
            request.keep_alive = False
        elif not body.ended:
            length = request.content_length
            if length is None or length - body.received > _REST_BYTES:
                request.keep_alive = False
        is_old = request.version == "1.0"
        if not request.keep_alive:
            return [] if is_old else ["Connection: close"]
        return ["Connection: keep-alive"] if is_old else []

    def _write_refusal(self, error: HeadError) -> None:
        """As Go's server: the code's words, and the end."""
        if self.transport is None:
            return
        words = _WORDS.get(error.code)
        headers = {"Content-Type": "text/plain; charset=utf-8"} if words != b"" else {"Content-Length": "0"}
        reason = f"{REASONS.get(error.code)}: {error.text}" if error.text else ""
        head = Response(headers=headers | {"Connection": "close"}, status=error.code, reason=reason).head()
        if words is None:
            words = head.split(b"\r\n", 1)[0].split(b" ", 1)[1]
        self.transport.write(head + words)

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written. ConnectionResetError: it is gone."""
        if self._drained is not None:
            await asyncio.shield(self._drained)

    # the end

    @property
    def is_idle(self) -> bool:
        """Between two requests."""
        return self._waiter is not None and not self._waiter.done() and not self._parser.in_head

    def overdue(self, now: float, head_seconds: float, idle_seconds: float) -> bool:
        """Whether a client has said nothing, or not all of a head, for too long. now: of time.monotonic."""
        if self._waiter is None or self._waiter.done():
            return False
        return now - self._since > (head_seconds if self._parser.in_head or self._is_new else idle_seconds)

    async def ended(self) -> None:
        """Wait for the task that serves it."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    def abandon(self) -> None:
        """End what runs and close."""
        if self._task is not None:
            self._task.cancel()
        if self.transport is not None:
            self.transport.close()
