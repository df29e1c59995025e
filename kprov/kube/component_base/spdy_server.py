"""The server's half of SPDY/3.1 (see spdy): accepts the streams that a client opens."""

import asyncio
import struct
import zlib
from collections.abc import Awaitable, Callable
from typing import Final

from kprov.kube.component_base.spdy import SpdyError, Stream
from kprov.kube.component_base.spdy_dictionary import DICTIONARY

_SYN_STREAM: Final = 1
_SYN_REPLY: Final = 2
_RST_STREAM: Final = 3
_PING: Final = 6
_GOAWAY: Final = 7
_FLAG_FIN: Final = 0x01
_VERSION: Final = 0x8003
_HEADER_BYTES: Final = 8
#: Of a stream, unpacked.
_MAX_FIELDS_BYTES: Final = 64 * 1024
#: Streams of a client at once; Go's clients open two for each connection that they forward.
_MAX_STREAMS: Final = 1000


class AcceptedStream(Stream):
    """headers: of the client, names in lower case."""

    def __init__(self, connection: "ServerConnection", stream_id: int, headers: dict[str, str]) -> None:
        super().__init__(connection, stream_id)
        self.headers = headers


class ServerConnection:
    """read: returns bytes that the client has sent, b"" at the end. write: raises OSError if it is gone."""

    def __init__(
        self, read: Callable[[], Awaitable[bytes]], write: Callable[[bytes], Awaitable[None]]
    ) -> None:
        self._read = read
        self._write = write
        self._buffer = bytearray()
        self._compress = zlib.compressobj(
            9, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_DEFAULT_STRATEGY, DICTIONARY
        )
        self._decompress = zlib.decompressobj(zlib.MAX_WBITS, zdict=DICTIONARY)
        self._streams: dict[int, AcceptedStream] = {}
        self._accepted: asyncio.Queue[AcceptedStream | None] = asyncio.Queue()
        self._write_lock = asyncio.Lock()

    async def receive(self) -> None:
        """Handle frames until the client disconnects. SpdyError: what came is not SPDY."""
        try:
            while (head := await self._take(_HEADER_BYTES)) is not None:
                first, second = struct.unpack("!II", head)
                body = await self._take(second & 0xFFFFFF)
                if body is None:
                    return
                if first & 0x80000000:
                    if not await self._handle_control(first, second >> 24, body):
                        return
                else:
                    await self._handle_data(first, second >> 24, body)
        finally:
            for stream in self._streams.values():
                stream.feed(b"")
            self._accepted.put_nowait(None)

    async def accept(self) -> AcceptedStream | None:
        """Return the next stream that the client opens. None: it has disconnected."""
        stream = await self._accepted.get()
        if stream is None:
            self._accepted.put_nowait(None)
        return stream

    def forget(self, stream: AcceptedStream) -> None:
        """Drop a stream that both sides have closed."""
        self._streams.pop(stream.stream_id, None)

    async def send_frame(self, frame: bytes) -> None:
        async with self._write_lock:
            try:
                await self._write(frame)
            except ConnectionError as error:
                raise SpdyError(str(error)) from error

    async def _take(self, size: int) -> bytes | None:
        """Return the next bytes, None at the end."""
        while len(self._buffer) < size:
            try:
                piece = await self._read()
            except ConnectionError:
                return None
            if not piece:
                return None
            self._buffer += piece
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def _handle_data(self, stream_id: int, flags: int, body: bytes) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if body:
            stream.feed(body)
        if flags & _FLAG_FIN:
            stream.feed(b"")
        await stream.wait_drained()

    async def _handle_control(self, first: int, flags: int, body: bytes) -> bool:
        """Return False: the client ends the connection."""
        kind = first & 0xFFFF
        if first >> 16 != _VERSION:
            raise SpdyError("a frame of another version")
        if kind == _SYN_STREAM:
            await self._open(flags, body)
        elif kind == _PING:
            await self.send_frame(struct.pack("!HHI", _VERSION, _PING, len(body)) + body)
        elif kind == _RST_STREAM and len(body) >= 4:
            stream = self._streams.pop(struct.unpack("!I", body[:4])[0] & 0x7FFFFFFF, None)
            if stream is not None:
                stream.feed(b"")
        return kind != _GOAWAY

    async def _open(self, flags: int, body: bytes) -> None:
        if len(body) < 10 or len(self._streams) >= _MAX_STREAMS:
            raise SpdyError("a malformed SYN_STREAM, or too many streams")
        stream_id = struct.unpack("!I", body[:4])[0] & 0x7FFFFFFF
        try:
            block = self._decompress.decompress(body[10:], _MAX_FIELDS_BYTES)
        except zlib.error as error:
            raise SpdyError(f"malformed headers: {error}") from None
        stream = AcceptedStream(self, stream_id, _parse_fields(block))
        self._streams[stream_id] = stream
        packed = self._compress.compress(bytes(4)) + self._compress.flush(zlib.Z_SYNC_FLUSH)
        reply = struct.pack("!I", stream_id) + packed
        await self.send_frame(struct.pack("!HHI", _VERSION, _SYN_REPLY, len(reply)) + reply)
        if flags & _FLAG_FIN:
            stream.feed(b"")
        self._accepted.put_nowait(stream)


def _parse_fields(block: bytes) -> dict[str, str]:
    """Return names and values: their number, then each with its length. SpdyError."""
    texts = []
    at = 4
    while at < len(block):
        end = at + 4 + int.from_bytes(block[at : at + 4], "big")
        if end > len(block):
            raise SpdyError("headers that are not complete")
        texts.append(block[at + 4 : end].decode("utf-8", "replace"))
        at = end
    if len(texts) != 2 * int.from_bytes(block[:4], "big"):
        raise SpdyError("headers of another number")
    return dict(zip(texts[::2], texts[1::2], strict=True))
