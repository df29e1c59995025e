"""What both ends of an HTTP/2 connection do: reading frames, settings, flow control, writes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final, cast

from kprov.kube.component_base.rpc import frames
from kprov.kube.component_base.rpc.call import Call
from kprov.kube.component_base.rpc.headers import HeaderDecoder

#: Delay before a PING ACK. See `_handle_control`.
_PING_ACK_DELAY_SECONDS: Final = 0.05
#: Bytes received before a WINDOW_UPDATE is sent.
_WINDOW_UPDATE_BYTES: Final = 1 << 29
#: Of all frames of one field block.
_MAX_FIELD_BLOCK_BYTES: Final = 64 * 1024


class FrameConnection(asyncio.Protocol):
    """Base of the client's and the server's connection. They handle what the frames of calls mean.

    closed: done when the connection is lost and all its calls have ended.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._calls: dict[int, Call] = {}
        self._header_decoder = HeaderDecoder()
        #: What the peer accepts: on all streams together, on a new one, in one frame.
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
        self.closed: asyncio.Future[None] = self._loop.create_future()

    # -- what the ends differ in -------------------------------------------------------------------------

    def _handle_fields(self, stream: int, fields: Mapping[str, str], *, ends_stream: bool) -> None:
        """Handle a whole field block. fields: names and values."""
        raise NotImplementedError

    def _handle_payload(self, call: Call, payload: bytes, *, ends_stream: bool) -> None:
        """Handle DATA without its padding. MalformedError."""
        raise NotImplementedError

    def _handle_reset(self, call: Call, code: int) -> None:
        """Handle that the peer has reset a stream with an error code of HTTP/2. The call is forgotten."""
        raise NotImplementedError

    def _handle_goaway(self, last: int, why: bytes) -> None:
        """Handle that the peer processes no stream above `last`."""
        raise NotImplementedError

    def _fail_calls(self, reason: str) -> None:
        """End all calls: the connection is lost."""
        raise NotImplementedError

    # -- writes ------------------------------------------------------------------------------------------

    def close(self, reason: str) -> None:
        """Close the connection and fail its calls."""
        if self._transport is not None:
            self._transport.abort()
        self._fail_calls(reason)

    def _start(self, begin: bytes, settings: dict[int, int]) -> None:
        """Send the first frames: SETTINGS, after `begin`, and the largest window for all streams together."""
        assert self._transport is not None
        room = frames.encode_window_update(0, frames.MAX_WINDOW - frames.DEFAULT_WINDOW)
        self._transport.write(begin + frames.encode_settings(settings) + room)

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
        """Send of a call's data what the windows allow."""
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
        self._transport = cast("asyncio.WriteTransport", transport)

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
            if len(begun) + len(payload) > _MAX_FIELD_BLOCK_BYTES:
                raise frames.MalformedError("a field block is too large")
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
                self._handle_reset(call, frames.decode_number(payload))
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
        if flags & frames.PADDED:
            payload = frames.strip_padding(flags, payload)
        self._handle_payload(call, payload, ends_stream=bool(flags & frames.END_STREAM))

    def _handle_headers(self, flags: int, stream: int, block: bytes) -> None:
        if not flags & frames.END_HEADERS:
            self._header_block = (stream, flags, block)
            return
        fields = self._header_decoder.decode_block(block)
        self._handle_fields(stream, fields, ends_stream=bool(flags & frames.END_STREAM))

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
