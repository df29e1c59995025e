"""A small SPDY/3.1 client: what kubelets and container runtimes speak for exec, attach and port forwarding.

Only what moby/spdystream uses: streams, data, half-close; its flow control is left out, as there. Who reads a
stream slowly slows the whole connection.
"""

import asyncio
import struct
import zlib
from collections.abc import Mapping
from typing import Final

from kprov.kube.component_base.spdy_dictionary import DICTIONARY

_SYN_STREAM: Final = 1
_SYN_REPLY: Final = 2
_RST_STREAM: Final = 3
_PING: Final = 6
_GOAWAY: Final = 7
_FIN: Final = 0x01
_VERSION: Final = 0x8003
_MAX_FRAME: Final = 16 * 1024
_MOST_UNREAD: Final = 256 * 1024


class SpdyError(OSError):
    """The connection or a stream was refused or broke."""


class Stream:
    """One direction each way; ``read`` gives b"" at the end."""

    def __init__(self, connection: "Connection", number: int) -> None:
        self._connection = connection
        self.number = number
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self._unread = 0
        self._room = asyncio.Event()
        self._room.set()
        self._ended = False
        self._closed = False

    async def read(self) -> bytes:
        if self._ended:
            return b""
        data = await self._incoming.get()
        self._ended = not data
        self._unread -= len(data)
        if self._unread <= _MOST_UNREAD:
            self._room.set()
        return data

    async def read_all(self) -> bytes:
        parts = []
        while data := await self.read():
            parts.append(data)
        return b"".join(parts)

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), _MAX_FRAME):
            piece = data[start : start + _MAX_FRAME]
            await self._connection.send(struct.pack("!II", self.number, len(piece)) + piece)

    async def close(self) -> None:
        """No more from us; the other side may go on."""
        if not self._closed:
            self._closed = True
            await self._connection.send(struct.pack("!II", self.number, _FIN << 24))

    def feed(self, data: bytes) -> None:
        self._incoming.put_nowait(data)
        self._unread += len(data)
        if self._unread > _MOST_UNREAD:
            self._room.clear()

    async def room(self) -> None:
        """Wait while too much lies unread."""
        await self._room.wait()


class Connection:
    """``protocol``: the subprotocol that the server chose."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, protocol: str) -> None:
        self._reader = reader
        self._writer = writer
        self.protocol = protocol
        self._compress = zlib.compressobj(
            9, zlib.DEFLATED, zlib.MAX_WBITS, 8, zlib.Z_DEFAULT_STRATEGY, DICTIONARY
        )
        self._streams: dict[int, Stream] = {}
        self._next = 1
        self._sending = asyncio.Lock()
        self._task = asyncio.get_running_loop().create_task(self._receive())

    async def open_stream(self, headers: Mapping[str, str]) -> Stream:
        stream = self._streams[self._next] = Stream(self, self._next)
        block = struct.pack("!I", len(headers))
        for name, value in headers.items():
            for text in (name.lower().encode(), value.encode()):
                block += struct.pack("!I", len(text)) + text
        packed = self._compress.compress(block) + self._compress.flush(zlib.Z_SYNC_FLUSH)
        body = struct.pack("!IIBB", self._next, 0, 0, 0) + packed
        await self.send(struct.pack("!HHI", _VERSION, _SYN_STREAM, len(body)) + body)
        self._next += 2
        return stream

    async def send(self, frame: bytes) -> None:
        async with self._sending:
            self._writer.write(frame)
            try:
                await self._writer.drain()
            except ConnectionError as error:
                raise SpdyError(str(error)) from error

    async def close(self) -> None:
        self._task.cancel()
        self._writer.close()

    async def _receive(self) -> None:
        try:
            while True:
                first, second = struct.unpack("!II", await self._reader.readexactly(8))
                flags, length = second >> 24, second & 0xFFFFFF
                body = await self._reader.readexactly(length) if length else b""
                if first & 0x80000000:
                    if not await self._control(first & 0xFFFF, flags, body):
                        return
                else:
                    await self._data(first, flags, body)
        except (asyncio.IncompleteReadError, ConnectionError, SpdyError):
            return
        finally:
            for stream in self._streams.values():
                stream.feed(b"")

    async def _data(self, number: int, flags: int, body: bytes) -> None:
        stream = self._streams.get(number)
        if stream is None:
            return
        if body:
            stream.feed(body)
        if flags & _FIN:
            stream.feed(b"")
        await stream.room()

    async def _control(self, kind: int, flags: int, body: bytes) -> bool:
        if kind == _PING:
            await self.send(struct.pack("!HHI", _VERSION, _PING, len(body)) + body)
        elif kind == _GOAWAY:
            return False
        elif kind in {_RST_STREAM, _SYN_REPLY} and len(body) >= 4:
            stream = self._streams.get(struct.unpack("!I", body[:4])[0] & 0x7FFFFFFF)
            if stream is not None and (kind == _RST_STREAM or flags & _FIN):
                stream.feed(b"")
        return True
