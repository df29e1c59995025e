"""The client's end of an HTTP/2 connection: its calls and its keepalive."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from kprov.kube.component_base.rpc import frames, status
from kprov.kube.component_base.rpc.call import Call
from kprov.kube.component_base.rpc.frame_connection import FrameConnection
from kprov.kube.component_base.rpc.status import Code, RpcError

#: A PING follows so many seconds of silence, and the connection closes without an ACK in time. Go's servers
#: close connections that send more than one PING in five seconds.
_KEEPALIVE_SECONDS: Final = 10.0
_KEEPALIVE_TIMEOUT_SECONDS: Final = 3.0
#: Stream identifiers of a client are odd and have 31 bits.
_MAX_STREAM_ID: Final = 2**31 - 1


class Connection(FrameConnection):
    """Opens a stream for each call."""

    def __init__(self, max_stream_id: int = _MAX_STREAM_ID, *, keepalive: bool = True) -> None:
        """keepalive: send PINGs to a silent server. max_stream_id: open no stream above it."""
        super().__init__()
        self._next_stream_id = 1
        self._max_stream_id = max_stream_id
        self._keepalive = keepalive
        self._keepalive_timer: asyncio.TimerHandle | None = None
        #: Whether new calls may start on this connection.
        self.is_usable = False

    # -- calls -------------------------------------------------------------------------------------------

    def open_stream(self, call: Call, head: bytes, data: bytes, *, ends_stream: bool) -> None:
        """Open a stream with a field block and first data. RpcError if the connection is not usable."""
        if self._transport is None or not self.is_usable:
            raise RpcError(Code.UNAVAILABLE, "the connection was lost")
        stream = call.stream_id = self._next_stream_id
        self._next_stream_id += 2
        if self._next_stream_id > self._max_stream_id:
            self.is_usable = False
        self._calls[stream] = call
        size = len(data)
        begun = frames.encode_header(len(head), frames.HEADERS, frames.END_HEADERS, stream) + head
        if size <= self._send_window and size <= self._initial_window and size <= self._max_frame_size:
            call.send_window = self._initial_window - size
            self._send_window -= size
            flags = frames.END_STREAM if ends_stream else 0
            self._schedule_write(begun + frames.encode_header(size, frames.DATA, flags, stream) + data)
            return
        call.send_window = self._initial_window
        self._schedule_write(begun)
        self.send_data(call, data, ends_stream=ends_stream)

    def send_data(self, call: Call, data: bytes, *, ends_stream: bool = False) -> None:
        """Send more data of a stream as far as the flow-control windows allow. The rest waits."""
        call.pending += data
        call.ends_stream = ends_stream
        self._send_pending(call)

    def cancel_call(self, call: Call) -> None:
        """Reset the stream of a call."""
        if self._calls.pop(call.stream_id, None) is not None:
            self._schedule_write(frames.encode_rst_stream(call.stream_id, frames.CANCEL))
            self._close_if_drained()

    def close(self, reason: str = "the client was closed") -> None:
        super().close(reason)

    # -- callbacks of the transport, and frames ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.is_usable = True
        settings = {
            frames.HEADER_TABLE_SIZE: 0,
            frames.ENABLE_PUSH: 0,
            frames.INITIAL_WINDOW_SIZE: frames.MAX_WINDOW,
        }
        self._start(frames.PREFACE, settings)
        if self._keepalive:
            self._keepalive_timer = self._loop.call_later(_KEEPALIVE_SECONDS, self._check_keepalive)

    def _handle_payload(self, call: Call, payload: bytes, *, ends_stream: bool) -> None:
        call.add_data(payload)
        if ends_stream:
            self._end_call(call, RpcError(Code.INTERNAL, "the response ended without a status"))

    def _handle_fields(self, stream: int, fields: Mapping[str, str], *, ends_stream: bool) -> None:
        call = self._calls.get(stream)
        if call is None:
            return
        if ends_stream:
            self._end_call(call, status.error_from_trailers({**call.headers, **fields}))
        else:
            call.headers = fields

    def _handle_reset(self, call: Call, code: int) -> None:
        call.end(status.error_from_reset(code))
        self._close_if_drained()

    def _end_call(self, call: Call, error: RpcError | None) -> None:
        if self._calls.pop(call.stream_id, None) is None:
            return
        if call.pending or call.ends_stream:
            # The server responded before the whole request was sent.
            self._schedule_write(frames.encode_rst_stream(call.stream_id, frames.NO_ERROR))
        call.end(error)
        self._close_if_drained()

    def _handle_goaway(self, last: int, why: bytes) -> None:
        """Accept no new calls. Fail those that the server has not processed."""
        self.is_usable = False
        text = why.decode(errors="replace")
        for stream in [stream for stream in self._calls if stream > last]:
            self._calls.pop(stream).end(RpcError(Code.UNAVAILABLE, f"the server sent GOAWAY: {text}"))
        self._close_if_drained()

    def _close_if_drained(self) -> None:
        if not self.is_usable and not self._calls:
            self.close()

    def _check_keepalive(self) -> None:
        """Send a PING to a silent server. Close if it has not answered the last one."""
        silent = self._loop.time() - self._last_received
        if self._awaits_ping_ack and silent >= _KEEPALIVE_TIMEOUT_SECONDS:
            self.close("the server does not answer PINGs")
            return
        if silent >= _KEEPALIVE_SECONDS:
            self._awaits_ping_ack = True
            self._schedule_write(frames.encode_frame(frames.PING, 0, 0, bytes(8)))
            self._keepalive_timer = self._loop.call_later(_KEEPALIVE_TIMEOUT_SECONDS, self._check_keepalive)
        else:
            self._awaits_ping_ack = False
            self._keepalive_timer = self._loop.call_later(_KEEPALIVE_SECONDS - silent, self._check_keepalive)

    def _fail_calls(self, reason: str) -> None:
        self.is_usable = False
        if self._keepalive_timer is not None:
            self._keepalive_timer.cancel()
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.end(RpcError(Code.UNAVAILABLE, reason))
