"""A SPDY/3.1 client for what kubelets and container runtimes speak for exec, attach and port forwarding.

It has what moby/spdystream has: streams, data and half-close, without SPDY's flow control. So a stream that
is read slowly slows the whole connection.
"""

import asyncio
import struct
import zlib
from collections.abc import Mapping
from typing import Final, Protocol

from kprov.kube.component_base.spdy_dictionary import DICTIONARY
from kprov.kube.component_base.tasks import start_task

_SYN_STREAM: Final = 1
_SYN_REPLY: Final = 2
_RST_STREAM: Final = 3
_PING: Final = 6
_GOAWAY: Final = 7
_FLAG_FIN: Final = 0x01
_VERSION: Final = 0x8003
_MAX_DATA_BYTES: Final = 16 * 1024
_MAX_UNREAD_BYTES: Final = 256 * 1024
#: What is kept of a stream that is read whole: the status of a command.
_MAX_MESSAGE_BYTES: Final = 1024 * 1024


class SpdyError(OSError):
    """The peer refused or broke the connection."""


class FrameSender(Protocol):
    """A connection of either side."""

    async def send_frame(self, frame: bytes) -> None:
        """Send a whole frame. SpdyError."""


class Stream:
    """A bidirectional stream. `read` returns b"" at its end."""

    def __init__(self, connection: FrameSender, stream_id: int) -> None:
        self._connection = connection
        self.stream_id = stream_id
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread_bytes = 0
        self._drained = asyncio.Event()
        self._drained.set()
        self._has_ended = False
        self._is_closed = False

    async def read(self) -> bytes:
        if self._has_ended:
            return b""
        data = await self._incoming.get()
        self._has_ended = not data
        self._unread_bytes -= len(data)
        if self._unread_bytes <= _MAX_UNREAD_BYTES:
            self._drained.set()
        return data

    async def read_all(self, most: int = _MAX_MESSAGE_BYTES) -> bytes:
        """Read to the end; return the first `most` bytes."""
        content = bytearray()
        while data := await self.read():
            content += data[: most - len(content)]
        return bytes(content)

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), _MAX_DATA_BYTES):
            piece = data[start : start + _MAX_DATA_BYTES]
            await self._connection.send_frame(struct.pack("!II", self.stream_id, len(piece)) + piece)

    async def close(self) -> None:
        """Send no more data. The peer may go on sending."""
        if not self._is_closed:
            self._is_closed = True
            await self._connection.send_frame(struct.pack("!II", self.stream_id, _FLAG_FIN << 24))

    def feed(self, data: bytes) -> None:
        self._incoming.put_nowait(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > _MAX_UNREAD_BYTES:
            self._drained.clear()

    async def wait_drained(self) -> None:
        """Wait while too much is unread."""
        await self._drained.wait()


class Connection:
    """protocol: the subprotocol that the server has chosen."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: str) -> None:
        self._reader = reader
        self._writer = writer
        self.protocol = protocol
        self._compress = zlib.compressobj(
            9, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_DEFAULT_STRATEGY, DICTIONARY
        )
        self._streams: dict[int, Stream] = {}
        self._next_stream_id = 1
        self._write_lock = asyncio.Lock()
        self._receiver = start_task(self._receive(), "SPDY frames")

    async def open_stream(self, headers: Mapping[str, str]) -> Stream:
        stream = self._streams[self._next_stream_id] = Stream(self, self._next_stream_id)
        block = struct.pack("!I", len(headers))
        for name, value in headers.items():
            for text in (name.lower().encode(), value.encode()):
                block += struct.pack("!I", len(text)) + text
        packed = self._compress.compress(block) + self._compress.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack("!IIBB", self._next_stream_id, 0, 0, 0) + packed
        await self.send_frame(struct.pack("!HHI", _VERSION, _SYN_STREAM, len(body)) + body)
        self._next_stream_id += 2
        return stream

    async def send_frame(self, frame: bytes) -> None:
        async with self._write_lock:
            self._writer.write(frame)
            try:
                await self._writer.drain()
            except ConnectionError as error:
                raise SpdyError(str(error)) from error

    async def close(self) -> None:
        self._receiver.cancel()
        self._writer.close()

    async def _receive(self) -> None:
        try:
            while True:
                first, second = struct.unpack("!II", await self._reader.readexactly(8))
                flags, length = second >> 24, second & 0xFFFFFF
                body = await self._reader.readexactly(length) if length else b""
                if first & 0x80000000:
                    if not await self._handle_control(first & 0xFFFF, flags, body):
                        return
                else:
                    await self._handle_data(first, flags, body)
        except (asyncio.IncompleteReadError, ConnectionError, SpdyError):
            return
        finally:
            for stream in self._streams.values():
                stream.feed(b"")

    async def _handle_data(self, stream_id: int, flags: int, body: bytes) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return
        if body:
            stream.feed(body)
        if flags & _FLAG_FIN:
            stream.feed(b"")
        await stream.wait_drained()

    async def _handle_control(self, kind: int, flags: int, body: bytes) -> bool:
        if kind == _PING:
            await self.send_frame(struct.pack("!HHI", _VERSION, _PING, len(body)) + body)
        elif kind == _GOAWAY:
            return False
        elif kind in {_RST_STREAM, _SYN_REPLY} and len(body) >= 4:
            stream = self._streams.get(struct.unpack("!I", body[:4])[0] & 0x7FFFFFFF)
            if stream is not None and (kind == _RST_STREAM or flags & _FLAG_FIN):
                stream.feed(b"")
        return True
