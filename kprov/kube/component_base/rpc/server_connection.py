"""The server's end of an HTTP/2 connection: its calls, each with its task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, Protocol

from kprov.kube.component_base.rpc import frames, headers
from kprov.kube.component_base.rpc.call import Call, encode_message, split_message
from kprov.kube.component_base.rpc.frame_connection import FrameConnection
from kprov.kube.component_base.rpc.methods import StreamingMethod, UnaryMethod
from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.component_base.tasks import start_task

log = logging.getLogger(__name__)

#: The largest request, as that of containerd's server.
MAX_REQUEST_BYTES: Final = 16 * 1024 * 1024
#: A stream's window, which does not grow: what is too large can be sent as far as that shows.
_STREAM_WINDOW: Final = MAX_REQUEST_BYTES + 64 * 1024
#: Unsent bytes of a stream of messages at which the call fails: its client does not read.
_MAX_PENDING_BYTES: Final = 16 * 1024 * 1024
_MAX_CONCURRENT_STREAMS: Final = 1000


class ConnectionServer(Protocol):
    """The server that accepts connections."""

    methods: Mapping[str, UnaryMethod | StreamingMethod]
    connections: set[ServerConnection]


class ServerCall(Call):
    """A call from its request to its trailers."""

    __slots__ = ("has_headers", "request", "task", "trailers")

    def __init__(self, stream_id: int, send_window: int, fields: Mapping[str, str]) -> None:
        super().__init__()
        self.stream_id = stream_id
        self.send_window = send_window
        self.headers = fields
        self.request = bytearray()
        self.task: asyncio.Task[None] | None = None
        self.has_headers = False
        #: The field block that follows the data. None: more data may come.
        self.trailers: bytes | None = None

    def add_data(self, data: bytes) -> None:
        self.request += data

    def end(self, error: RpcError | None) -> None:
        """Cancel the work: nobody waits for it."""
        if self.task is not None:
            self.task.cancel()


class ServerConnection(FrameConnection):
    """Made by the server for each client."""

    def __init__(self, server: ConnectionServer) -> None:
        super().__init__()
        self._server = server
        self._preface = frames.PREFACE
        self._last_stream = 0
        self._is_draining = False

    def drain(self) -> None:
        """Accept no more calls, and close when those under way have ended."""
        if not self._is_draining:
            self._is_draining = True
            payload = self._last_stream.to_bytes(4, "big") + frames.NO_ERROR.to_bytes(4, "big")
            self._schedule_write(frames.encode_frame(frames.GOAWAY, 0, 0, payload))
        self._close_if_drained()

    # -- callbacks of the transport, and frames ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._server.connections.add(self)
        settings = {
            frames.HEADER_TABLE_SIZE: 0,
            frames.MAX_CONCURRENT_STREAMS: _MAX_CONCURRENT_STREAMS,
            frames.INITIAL_WINDOW_SIZE: _STREAM_WINDOW,
        }
        self._start(b"", settings)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._preface:
            size = min(len(self._preface), len(data))
            if data[:size] != self._preface[:size]:
                self.close("the client does not speak HTTP/2")
                return
            self._preface, data = self._preface[size:], data[size:]
        if data:
            super().data_received(data)

    def _handle_fields(self, stream: int, fields: Mapping[str, str], *, ends_stream: bool) -> None:
        call = self._calls.get(stream)
        if call is None:
            if stream <= self._last_stream or not stream % 2:
                return  # of a call that has ended
            self._last_stream = stream
            if self._is_draining:
                return
            call = self._calls[stream] = ServerCall(stream, self._initial_window, fields)
        if ends_stream:
            self._start_call(call)

    def _handle_payload(self, call: Call, payload: bytes, *, ends_stream: bool) -> None:
        assert isinstance(call, ServerCall)
        if call.task is not None:
            return
        call.add_data(payload)
        if len(call.request) > MAX_REQUEST_BYTES:
            text = f"the request has more than {MAX_REQUEST_BYTES} bytes"
            self._finish(call, RpcError(Code.RESOURCE_EXHAUSTED, text))
        elif ends_stream:
            self._start_call(call)

    def _handle_reset(self, call: Call, code: int) -> None:
        call.end(None)
        self._close_if_drained()

    def _handle_goaway(self, last: int, why: bytes) -> None:
        """Do nothing: a client that opens no more streams still waits for the responses."""

    def _fail_calls(self, reason: str) -> None:
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.end(None)

    # -- calls -------------------------------------------------------------------------------------------

    def _start_call(self, call: Call) -> None:
        assert isinstance(call, ServerCall)
        if call.task is None:
            path = call.headers.get(":path", "")
            call.task = start_task(self._run(call, path), f"call of {path}")

    async def _run(self, call: ServerCall, path: str) -> None:
        error: RpcError | None
        try:
            error = await self._respond(call, path)
        except RpcError as failure:
            error = failure
        except asyncio.CancelledError:
            return
        except Exception as failure:
            log.exception("%s failed", path)
            error = RpcError(Code.UNKNOWN, f"{type(failure).__name__}: {failure}")
        self._finish(call, error)

    async def _respond(self, call: ServerCall, path: str) -> RpcError | None:
        """Return why no method handles the call. RpcError: its status."""
        method = self._server.methods.get(path)
        if method is None:
            service, _, name = path.lstrip("/").partition("/")
            return RpcError(Code.UNIMPLEMENTED, f"unknown method {name} for service {service}")
        message = split_message(bytes(call.request))
        call.request.clear()
        if message is None:
            return RpcError(Code.UNIMPLEMENTED, "the request is not one uncompressed message")
        if isinstance(method, UnaryMethod):
            self._send_message(call, await method.handle(message))
            return None
        async for response in method.handle(message):
            self._send_message(call, response)
            if len(call.pending) > _MAX_PENDING_BYTES:
                call.pending = b""
                return RpcError(Code.RESOURCE_EXHAUSTED, "the client does not read")
        return None

    def _send_message(self, call: ServerCall, message: bytes) -> None:
        if not call.has_headers:
            call.has_headers = True
            self._write_fields(call, headers.RESPONSE_HEADERS, 0)
        call.pending += encode_message(message)
        self._send_pending(call)

    def _finish(self, call: ServerCall, error: RpcError | None) -> None:
        """End the response as soon as its data is sent. error: None for OK."""
        if self._calls.get(call.stream_id) is not call:
            return
        code, details = (Code.OK, "") if error is None else (error.code, error.details)
        call.trailers = headers.encode_trailers(code, details, has_headers=call.has_headers)
        self._send_pending(call)

    def _send_pending(self, call: Call) -> None:
        super()._send_pending(call)
        if isinstance(call, ServerCall) and call.trailers is not None and not call.pending:
            self._calls.pop(call.stream_id, None)
            self._write_fields(call, call.trailers, frames.END_STREAM)
            call.trailers = None
            self._close_if_drained()

    def _write_fields(self, call: ServerCall, block: bytes, flags: int) -> None:
        self._schedule_write(
            frames.encode_frame(frames.HEADERS, flags | frames.END_HEADERS, call.stream_id, block)
        )

    def _close_if_drained(self) -> None:
        if self._is_draining and not self._calls and self._transport is not None:
            self._write_scheduled()
            self._transport.close()
