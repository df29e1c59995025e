"""The UDP and TCP sockets on one address."""

import asyncio
import struct
from contextlib import suppress
from typing import cast

from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.dns.resolver import Resolver

_IDLE_SECONDS = 30.0
_CONNECTIONS_MAX = 1000


class _UdpProtocol(asyncio.DatagramProtocol):
    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # The transports of asyncio and uvloop are no subclasses of DatagramTransport.
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        cached = self._resolver.get_cached(data)
        if cached is not None:
            self._transport.sendto(cached, addr)
            return
        start_background_task(self._respond(data, addr), "DNS response")

    async def _respond(self, data: bytes, addr: tuple[str, int]) -> None:
        respond = await self._resolver.respond(data, tcp=False)
        if respond is not None and self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(respond, addr)


class DnsServer:
    """Port 0: a free port, the same for both protocols. `port` has its number after `start`."""

    def __init__(self, resolver: Resolver, address: str, port: int) -> None:
        self._resolver = resolver
        self._address = address
        self.port = port
        self._transport: asyncio.DatagramTransport | None = None
        self._server: asyncio.Server | None = None
        self._connections = 0

    async def start(self) -> None:
        """OSError: no interface has the address, or the port is in use."""
        self._server = await asyncio.start_server(self._serve_connection, self._address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _UdpProtocol(self._resolver), local_addr=(self._address, self.port)
        )

    async def stop(self) -> None:
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(0)  # sockets close in the loop's next turn

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        try:
            while self._connections <= _CONNECTIONS_MAX:
                async with asyncio.timeout(_IDLE_SECONDS):
                    (length,) = struct.unpack("!H", await reader.readexactly(2))
                    data = await reader.readexactly(length)
                respond = await self._resolver.respond(data, tcp=True)
                if respond is None:
                    break
                writer.write(struct.pack("!H", len(respond)) + respond)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections -= 1
            with suppress(OSError):
                writer.close()
