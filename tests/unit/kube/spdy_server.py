"""A server of SPDY/3.1 streams, as a container runtime or a kubelet has for exec and attach."""

from __future__ import annotations

import asyncio
import struct
import zlib

from kprov.kube.component_base.spdy_dictionary import DICTIONARY

#: What the error stream says of a command that has ended well.
SUCCESS = b'{"metadata":{},"status":"Success"}'


class SpdyServer:
    """Speaks SPDY. By the path: /refuse, /away; /cat gives stdin back; /big writes; else /STATUS of the error."""

    def __init__(self) -> None:
        self.head = ""
        self.status = SUCCESS
        self.protocol = "v4.channel.k8s.io"
        self.upgrade = "SPDY/3.1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "/away" in self.head:
            return
        if "/refuse" in self.head:
            writer.write(
                b'HTTP/1.1 403 Forbidden\r\nX-Said: no\r\nContent-Length: 20\r\n\r\n{"message":"no way"}'
            )
            return
        writer.write(
            f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {self.upgrade}\r\n"
            f"X-Stream-Protocol-Version: {self.protocol}\r\n\r\n".encode()
        )
        streams: dict[str, int] = {}
        unpack = zlib.decompressobj(zlib.MAX_WBITS, zdict=DICTIONARY)

        async def write(name: str, data: bytes = b"", *, ends: bool = False) -> None:
            for start in range(0, len(data), 20_000):
                piece = data[start : start + 20_000]
                writer.write(struct.pack("!II", streams[name], len(piece)) + piece)
                await writer.drain()
            if ends:
                writer.write(struct.pack("!II", streams[name], 1 << 24))

        async def finish() -> None:
            await write("stdout", ends=True)
            await write("error", self.status, ends=True)

        while True:
            first, second = struct.unpack("!II", await reader.readexactly(8))
            body = await reader.readexactly(second & 0xFFFFFF)
            if not first & 0x80000000:
                if first == streams.get("resize"):
                    await write("stdout", b"<" + body + b">")
                elif "/cat" in self.head:
                    await write("stdout", body)
                    if second >> 24:
                        await finish()
            elif first & 0xFFFF == 6:
                writer.write(struct.pack("!II", first, second) + body)
            elif first & 0xFFFF == 1:
                streams[_value(unpack.decompress(body[10:]))] = struct.unpack("!I", body[:4])[0]
                if "stdout" in streams and "/cat" not in self.head:
                    await write("stdout", bytes(8_000_000) if "/big" in self.head else b"out")
                    await finish()


def _value(block: bytes) -> str:
    """Of the only header of a stream."""
    name = struct.unpack("!I", block[4:8])[0]
    return block[12 + name :].decode()
