"""One HTTP/2 connection: its streams, flow control and keepalive."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from kprov.kube.component_base.rpc import frames, status
from kprov.kube.component_base.rpc.call import Call
from kprov.kube.component_base.rpc.headers import HeaderDecoder
from kprov.kube.component_base.rpc.status import Code, RpcError

#: A PING follows so many seconds of silence, and the connection closes without an ACK in time. Go's servers
#: close connections that send more than one PING in five seconds.
_KEEPALIVE_SECONDS: Final = 10.0
_KEEPALIVE_TIMEOUT_SECONDS: Final = 3.0
#: Delay before a PING ACK. See `_handle_control`.
_PING_ACK_DELAY_SECONDS: Final = 0.05
#: Bytes received before a WINDOW_UPDATE is sent.
_WINDOW_UPDATE_BYTES: Final = 1 << 29
#: Stream identifiers of a client are odd and have 31 bits.
_MAX_STREAM_ID: Final = 2**31 - 1


class Connection(asyncio.Protocol):
    """closed: done when the connection is lost and all its calls have ended."""

    def __init__(self, max_stream_id: int = _MAX_STREAM_ID, *, keepalive: bool = True) -> None:
        """keepalive: send PINGs to a silent server. max_stream_id: open no stream above it."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._calls: dict[int, Call] = {}
        self._next_stream_id = 1
        self._max_stream_id = max_stream_id
        self._header_decoder = HeaderDecoder()
        #: What the server accepts: on all streams together, on a new one, in one frame.
        self._send_window = frames.DEFAULT_WINDOW
        self._initial_window = frames.DEFAULT_WINDOW
        self._max_frame_size = frames.DEFAULT_MAX_FRAME_SIZE
        self._unreported_bytes = 0
        #: Frames of one round of the event loop are written together: system calls cost most here.
        self._write_buffer: list[bytes] = []
        self._is_write_scheduled = False
        #: A field block that CONTINUATION frames complete: its stream, flags and fragment.
        self._header_block: tuple[int, int, bytes] | None = None
        self._last_received = self._loop.time()
        self._awaits_ping_ack = False
        self._keepalive = keepalive
        self._keepalive_timer: asyncio.TimerHandle | None = None
        #: Whether new calls may start on this connection.
        self.is_usable = False
        self.closed: asyncio.Future[None] = self._loop.create_future()

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
        """Close the connection and fail its calls."""
        if self._transport is not None:
            self._transport.abort()
        self._fail_calls(reason)

    def _schedule_write(self, data: bytes) -> None:
        """Write at the end of this round of the event loop, together with other frames, in their order."""
        self._write_buffer.append(data)
        if not self._is_write_scheduled:
            self._is_write_scheduled = True
            self._loop.call_soon(self._write_scheduled)

    def _write_scheduled(self) -> None:
        self._is_write_scheduled = False
        if self._write_buffer and self._transport is not None and not self._transport.is_closing():
            data, self._write_buffer = b"".join(self._write_buffer), []
            self._transport.write(data)

    def _send_pending(self, call: Call) -> None:
        while True:
            size = min(len(call.pending), self._send_window, call.send_window, self._max_frame_size)
            last = size == len(call.pending)
            if not size and not (last and call.ends_stream):
                return
            piece, call.pending = call.pending[:size], call.pending[size:]
            self._send_window -= size
            call.send_window -= size
            flags = frames.END_STREAM if last and call.ends_stream else 0
            self._schedule_write(frames.encode_frame(frames.DATA, flags, call.stream_id, piece))
            if last:
                call.ends_stream = False
                return

    # -- callbacks of the transport, and frames ----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not of asyncio's classes.
        writing = self._transport = cast("asyncio.WriteTransport", transport)
        self.is_usable = True
        wanted = {
            frames.HEADER_TABLE_SIZE: 0,
            frames.ENABLE_PUSH: 0,
            frames.INITIAL_WINDOW_SIZE: frames.MAX_WINDOW,
        }
        room = frames.encode_window_update(0, frames.MAX_WINDOW - frames.DEFAULT_WINDOW)
        writing.write(frames.PREFACE + frames.encode_settings(wanted) + room)
        if self._keepalive:
            self._keepalive_timer = self._loop.call_later(_KEEPALIVE_SECONDS, self._check_keepalive)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail_calls(f"connection lost: {exc}" if exc else "the server closed the connection")
        if not self.closed.done():
            self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._last_received = self._loop.time()
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        try:
            while end - at >= frames.HEADER_BYTES:
                begin = at + frames.HEADER_BYTES
                size = int.from_bytes(buffer[at : at + 3], "big")
                if size > frames.DEFAULT_MAX_FRAME_SIZE:
                    raise frames.MalformedError(f"a frame of {size} bytes")
                if end - begin < size:
                    break
                stream = int.from_bytes(buffer[at + 5 : begin], "big") & 0x7FFFFFFF
                self._handle_frame(buffer[at + 3], buffer[at + 4], stream, buffer[begin : begin + size])
                at = begin + size
        except frames.MalformedError as error:
            self.close(f"the server does not speak HTTP/2: {error}")
            return
        self._buffer = buffer[at:]

    def _handle_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._header_block is not None and kind != frames.CONTINUATION:
            raise frames.MalformedError("a field block is not complete")
        if kind == frames.DATA:
            self._handle_data(flags, stream, payload)
        elif kind == frames.HEADERS:
            if flags & (frames.PADDED | frames.PRIORITY):
                payload = frames.strip_padding(flags, payload)
            self._handle_headers(flags, stream, payload)
        elif kind == frames.CONTINUATION:
            if self._header_block is None or self._header_block[0] != stream:
                raise frames.MalformedError("CONTINUATION without HEADERS")
            (_, first, begun), self._header_block = self._header_block, None
            self._handle_headers(first | flags, stream, begun + payload)
        else:
            self._handle_control(kind, flags, stream, payload)

    def _handle_control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.SETTINGS:
            if not flags & frames.ACK:
                self._apply_settings(frames.decode_settings(payload))
                self._schedule_write(frames.encode_frame(frames.SETTINGS, frames.ACK, 0))
        elif kind == frames.PING:
            if flags & frames.ACK:
                self._awaits_ping_ack = False
            else:
                # Go's servers measure the bandwidth by a PING whenever data arrives and no PING is open. With
                # an immediate ACK they would send one with every call, and wake this process for each.
                self._loop.call_later(
                    _PING_ACK_DELAY_SECONDS,
                    self._schedule_write,
                    frames.encode_frame(frames.PING, frames.ACK, 0, payload),
                )
        elif kind == frames.WINDOW_UPDATE:
            self._increase_window(stream, frames.decode_number(payload))
        elif kind == frames.RST_STREAM:
            call = self._calls.pop(stream, None)
            if call is not None:
                call.end(status.error_from_reset(frames.decode_number(payload)))
                self._close_if_drained()
        elif kind == frames.GOAWAY:
            self._handle_goaway(frames.decode_number(payload) & 0x7FFFFFFF, payload[8:])

    def _handle_data(self, flags: int, stream: int, payload: bytes) -> None:
        size = len(payload)
        self._unreported_bytes += size
        if self._unreported_bytes >= _WINDOW_UPDATE_BYTES:
            self._schedule_write(frames.encode_window_update(0, self._unreported_bytes))
            self._unreported_bytes = 0
        call = self._calls.get(stream)
        if call is None:
            return
        call.unreported_bytes += size
        if call.unreported_bytes >= _WINDOW_UPDATE_BYTES:
            self._schedule_write(frames.encode_window_update(stream, call.unreported_bytes))
            call.unreported_bytes = 0
        call.add_data(frames.strip_padding(flags, payload) if flags & frames.PADDED else payload)
        if flags & frames.END_STREAM:
            self._end_call(call, RpcError(Code.INTERNAL, "the response ended without a status"))

    def _handle_headers(self, flags: int, stream: int, block: bytes) -> None:
        if not flags & frames.END_HEADERS:
            self._header_block = (stream, flags, block)
            return
        headers = self._header_decoder.decode_block(block)
        call = self._calls.get(stream)
        if call is None:
            return
        if flags & frames.END_STREAM:
            self._end_call(call, status.error_from_trailers({**call.headers, **headers}))
        else:
            call.headers = headers

    def _end_call(self, call: Call, error: RpcError | None) -> None:
        if self._calls.pop(call.stream_id, None) is None:
            return
        if call.pending or call.ends_stream:
            # The server responded before the whole request was sent.
            self._schedule_write(frames.encode_rst_stream(call.stream_id, frames.NO_ERROR))
        call.end(error)
        self._close_if_drained()

    def _apply_settings(self, values: dict[int, int]) -> None:
        self._max_frame_size = values.get(frames.MAX_FRAME_SIZE, self._max_frame_size)
        window = values.get(frames.INITIAL_WINDOW_SIZE)
        if window is not None:
            grown, self._initial_window = window - self._initial_window, window
            for call in list(self._calls.values()):
                call.send_window += grown
                self._send_pending(call)

    def _increase_window(self, stream: int, size: int) -> None:
        if stream:
            call = self._calls.get(stream)
            if call is not None:
                call.send_window += size
                self._send_pending(call)
            return
        self._send_window += size
        for call in list(self._calls.values()):
            if call.pending:
                self._send_pending(call)

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
