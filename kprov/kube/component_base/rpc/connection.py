"""One HTTP/2 connection: streams begin and end on it, windows are kept, a silent server is noticed."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from kprov.kube.component_base.rpc import frames, status
from kprov.kube.component_base.rpc.exchange import Exchange
from kprov.kube.component_base.rpc.headers import Reader
from kprov.kube.component_base.rpc.status import Code, RpcError

#: Seconds of silence after which the server is asked for a sign of life, and those it has for it. Go's
#: servers close connections that ask more often than every five seconds.
_SILENCE: Final = 10.0
_PATIENCE: Final = 3.0
#: Seconds until a question of the server's whether we are there is answered.
_OWED: Final = 0.05
#: Bytes of an answer after which the server is told that there is room for more.
_TOLD: Final = 1 << 29
#: The last stream that a connection begins: numbers are 31 bits, and odd.
_LAST_STREAM: Final = 2**31 - 1


class Connection(asyncio.Protocol):
    """From `connection_made` to its end; `lost` is done when nothing of it is left."""

    def __init__(self, last_stream: int = _LAST_STREAM, *, keepalive: bool = True) -> None:
        """keepalive: send a PING to a server that has been silent."""
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._exchanges: dict[int, Exchange] = {}
        self._next = 1
        self._last = last_stream
        self._reader = Reader()
        #: What the server takes: of all streams together, of a new one, in one frame.
        self._window = frames.DEFAULT_WINDOW
        self._stream_window = frames.DEFAULT_WINDOW
        self._frame = frames.DEFAULT_FRAME
        self._received = 0
        #: What is sent together: system calls cost more than anything else here. Whether that is soon.
        self._out: list[bytes] = []
        self._soon = False
        #: A header block that goes on in further frames: its stream, flags and beginning.
        self._block: tuple[int, int, bytes] | None = None
        self._heard = self._loop.time()
        self._asked = False
        self._keepalive = keepalive
        self._timer: asyncio.TimerHandle | None = None
        #: Whether new calls may begin here.
        self.usable = False
        self.lost: asyncio.Future[None] = self._loop.create_future()

    # -- calls -------------------------------------------------------------------------------------------

    def begin(self, exchange: Exchange, head: bytes, data: bytes, *, ends: bool) -> None:
        """Open a stream with a header block and first bytes. Raises RpcError when it is not usable."""
        if self._transport is None or not self.usable:
            raise RpcError(Code.UNAVAILABLE, "the connection was lost")
        stream = exchange.stream = self._next
        self._next += 2
        if self._next > self._last:
            self.usable = False
        self._exchanges[stream] = exchange
        size = len(data)
        begun = frames.head(len(head), frames.HEADERS, frames.END_HEADERS, stream) + head
        if size <= self._window and size <= self._stream_window and size <= self._frame:
            exchange.window = self._stream_window - size
            self._window -= size
            flags = frames.END_STREAM if ends else 0
            self._write(begun + frames.head(size, frames.DATA, flags, stream) + data)
            return
        exchange.window = self._stream_window
        self._write(begun)
        self.send(exchange, data, ends=ends)

    def send(self, exchange: Exchange, data: bytes, *, ends: bool = False) -> None:
        """More bytes of a stream, as far as the server takes them; the rest waits for it."""
        exchange.pending += data
        exchange.ends = ends
        self._flush(exchange)

    def abandon(self, exchange: Exchange) -> None:
        """End a call that nobody waits for any more."""
        if self._exchanges.pop(exchange.stream, None) is not None:
            self._write(frames.reset(exchange.stream, frames.CANCEL))
            self._leave_if_done()

    def close(self, reason: str = "the client was closed") -> None:
        """End it and all its calls."""
        if self._transport is not None:
            self._transport.abort()
        self._gone(reason)

    def _write(self, data: bytes) -> None:
        """At the end of this round of the loop, with whatever else there is by then; in this order."""
        self._out.append(data)
        if not self._soon:
            self._soon = True
            self._loop.call_soon(self._write_out)

    def _write_out(self) -> None:
        self._soon = False
        if self._out and self._transport is not None and not self._transport.is_closing():
            data, self._out = b"".join(self._out), []
            self._transport.write(data)

    def _flush(self, exchange: Exchange) -> None:
        while True:
            size = min(len(exchange.pending), self._window, exchange.window, self._frame)
            last = size == len(exchange.pending)
            if not size and not (last and exchange.ends):
                return
            piece, exchange.pending = exchange.pending[:size], exchange.pending[size:]
            self._window -= size
            exchange.window -= size
            flags = frames.END_STREAM if last and exchange.ends else 0
            self._write(frames.frame(frames.DATA, flags, exchange.stream, piece))
            if last:
                exchange.ends = False
                return

    # -- the protocol's side -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are of no class of asyncio's.
        writing = self._transport = cast("asyncio.WriteTransport", transport)
        self.usable = True
        wanted = {
            frames.HEADER_TABLE_SIZE: 0,
            frames.ENABLE_PUSH: 0,
            frames.INITIAL_WINDOW_SIZE: frames.LARGEST_WINDOW,
        }
        room = frames.window_update(0, frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW)
        writing.write(frames.PREFACE + frames.settings(wanted) + room)
        if self._keepalive:
            self._timer = self._loop.call_later(_SILENCE, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone(f"connection lost: {exc}" if exc else "the server closed the connection")
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._heard = self._loop.time()
        buffer = self._buffer + data if self._buffer else data
        at, end = 0, len(buffer)
        try:
            while end - at >= frames.HEAD_BYTES:
                begin = at + frames.HEAD_BYTES
                size = int.from_bytes(buffer[at : at + 3], "big")
                if size > frames.DEFAULT_FRAME:
                    raise frames.MalformedError(f"a frame of {size} bytes")
                if end - begin < size:
                    break
                stream = int.from_bytes(buffer[at + 5 : begin], "big") & 0x7FFFFFFF
                self._frame_came(buffer[at + 3], buffer[at + 4], stream, buffer[begin : begin + size])
                at = begin + size
        except frames.MalformedError as error:
            self.close(f"the server does not speak HTTP/2: {error}")
            return
        self._buffer = buffer[at:]

    def _frame_came(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if self._block is not None and kind != frames.CONTINUATION:
            raise frames.MalformedError("a header block that is not brought to its end")
        if kind == frames.DATA:
            self._data(flags, stream, payload)
        elif kind == frames.HEADERS:
            if flags & (frames.PADDED | frames.PRIORITY):
                payload = frames.unpadded(flags, payload)
            self._headers(flags, stream, payload)
        elif kind == frames.CONTINUATION:
            if self._block is None or self._block[0] != stream:
                raise frames.MalformedError("a continuation of nothing")
            (_, first, begun), self._block = self._block, None
            self._headers(first | flags, stream, begun + payload)
        else:
            self._control(kind, flags, stream, payload)

    def _control(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.SETTINGS:
            if not flags & frames.ACK:
                self._settings(frames.read_settings(payload))
                self._write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        elif kind == frames.PING:
            if flags & frames.ACK:
                self._asked = False
            else:
                # Go's servers ask, to measure the way, with all that comes while no question is open;
                # answered at once they would ask with every call, and wake us once more for each.
                self._loop.call_later(_OWED, self._write, frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.WINDOW_UPDATE:
            self._more_room(stream, frames.number(payload))
        elif kind == frames.RST_STREAM:
            exchange = self._exchanges.pop(stream, None)
            if exchange is not None:
                exchange.end(status.of_reset(frames.number(payload)))
                self._leave_if_done()
        elif kind == frames.GOAWAY:
            self._go_away(frames.number(payload) & 0x7FFFFFFF, payload[8:])

    def _data(self, flags: int, stream: int, payload: bytes) -> None:
        size = len(payload)
        self._received += size
        if self._received >= _TOLD:
            self._write(frames.window_update(0, self._received))
            self._received = 0
        exchange = self._exchanges.get(stream)
        if exchange is None:
            return
        exchange.received += size
        if exchange.received >= _TOLD:
            self._write(frames.window_update(stream, exchange.received))
            exchange.received = 0
        exchange.take(frames.unpadded(flags, payload) if flags & frames.PADDED else payload)
        if flags & frames.END_STREAM:
            self._ended(exchange, RpcError(Code.INTERNAL, "the answer ended without a status"))

    def _headers(self, flags: int, stream: int, block: bytes) -> None:
        if not flags & frames.END_HEADERS:
            self._block = (stream, flags, block)
            return
        found = self._reader.read(block)
        exchange = self._exchanges.get(stream)
        if exchange is None:
            return
        if flags & frames.END_STREAM:
            self._ended(exchange, status.of_trailers({**exchange.headers, **found}))
        else:
            exchange.headers = found

    def _ended(self, exchange: Exchange, error: RpcError | None) -> None:
        if self._exchanges.pop(exchange.stream, None) is None:
            return
        if exchange.pending or exchange.ends:
            # It was answered before all of it was sent.
            self._write(frames.reset(exchange.stream, frames.NO_ERROR))
        exchange.end(error)
        self._leave_if_done()

    def _settings(self, values: dict[int, int]) -> None:
        self._frame = values.get(frames.MAX_FRAME_SIZE, self._frame)
        window = values.get(frames.INITIAL_WINDOW_SIZE)
        if window is not None:
            grown, self._stream_window = window - self._stream_window, window
            for exchange in list(self._exchanges.values()):
                exchange.window += grown
                self._flush(exchange)

    def _more_room(self, stream: int, size: int) -> None:
        if stream:
            exchange = self._exchanges.get(stream)
            if exchange is not None:
                exchange.window += size
                self._flush(exchange)
            return
        self._window += size
        for exchange in list(self._exchanges.values()):
            if exchange.pending:
                self._flush(exchange)

    def _go_away(self, last: int, why: bytes) -> None:
        """No new calls here; what the server has not begun may be sent elsewhere."""
        self.usable = False
        text = why.decode(errors="replace")
        for stream in [stream for stream in self._exchanges if stream > last]:
            self._exchanges.pop(stream).end(RpcError(Code.UNAVAILABLE, f"the server goes away: {text}"))
        self._leave_if_done()

    def _leave_if_done(self) -> None:
        if not self.usable and not self._exchanges:
            self.close()

    def _look(self) -> None:
        """Every few seconds: a server that has been silent is asked whether it is there."""
        silent = self._loop.time() - self._heard
        if self._asked and silent >= _PATIENCE:
            self.close("the server gives no sign of life")
            return
        if silent >= _SILENCE:
            self._asked = True
            self._write(frames.frame(frames.PING, 0, 0, bytes(8)))
            self._timer = self._loop.call_later(_PATIENCE, self._look)
        else:
            self._asked = False
            self._timer = self._loop.call_later(_SILENCE - silent, self._look)

    def _gone(self, reason: str) -> None:
        self.usable = False
        if self._timer is not None:
            self._timer.cancel()
        exchanges, self._exchanges = self._exchanges, {}
        for exchange in exchanges.values():
            exchange.end(RpcError(Code.UNAVAILABLE, reason))
