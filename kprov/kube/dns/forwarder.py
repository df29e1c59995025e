"""Forwards queries for names outside the cluster and caches the responses for their TTL."""

import asyncio
import logging
import random
import struct
import time
from collections import OrderedDict

import dnslib

from kprov.kube.component_base.tasks import start_task

log = logging.getLogger(__name__)

_CACHE_ENTRIES = 10_000
_TTL_MAX = 30
_TTL_NEGATIVE = 5
_TRY_SECONDS = 2.0
_TRIES = 2


class _UdpQuery(asyncio.DatagramProtocol):
    def __init__(self, want: int) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._want = want

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        if len(data) >= 12 and data[0] << 8 | data[1] == self._want and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or OSError("closed"))
        if not self.answer.cancelled():
            self.answer.exception()  # so that asyncio does not log it as never retrieved


class Forwarder:
    """`servers` are tried in order. One that does not respond is tried last for 10 seconds."""

    def __init__(self, servers: list[str], port: int = 53) -> None:
        self.servers = servers
        self._port = port
        self._bad_until: dict[str, float] = {}
        self._cache: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._pending: dict[bytes, asyncio.Task[bytes]] = {}

    async def forward(self, data: bytes, *, tcp: bool = False) -> bytes:
        """Return the response to a query, with its id. Raises OSError if no server responds."""
        key = data[2:] + (b"t" if tcp else b"u")
        cached = self._cache.get(key)
        if cached is not None and cached[0] > time.monotonic():
            self._cache.move_to_end(key)
            return data[:2] + cached[1][2:]
        task = self._pending.get(key)
        if task is None:
            task = start_task(self._query_servers(key, data, tcp=tcp), "query of servers")
            self._pending[key] = task
            task.add_done_callback(lambda done: self._handle_done(key, done))
        answer = await asyncio.shield(task)
        return data[:2] + answer[2:]

    def _handle_done(self, key: bytes, task: asyncio.Task[bytes]) -> None:
        self._pending.pop(key, None)
        if not task.cancelled():
            task.exception()

    async def _query_servers(self, key: bytes, data: bytes, *, tcp: bool) -> bytes:
        now = time.monotonic()
        order = sorted(self.servers, key=lambda server: self._bad_until.get(server, 0) > now)
        failure: Exception = OSError("no upstream server is configured")
        for server in order * _TRIES:
            try:
                async with asyncio.timeout(_TRY_SECONDS):
                    answer = await (self._query_tcp(server, data) if tcp else self._query_udp(server, data))
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                if not tcp:
                    self._bad_until[server] = time.monotonic() + 10
                failure = error
                continue
            self._bad_until.pop(server, None)
            self._cache_response(key, answer)
            return answer
        raise OSError(f"no answer from {', '.join(self.servers) or 'any server'}: {failure or 'timed out'}")

    async def _query_udp(self, server: str, data: bytes) -> bytes:
        identifier = random.getrandbits(16)
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: _UdpQuery(identifier), remote_addr=(server, self._port)
        )
        try:
            transport.sendto(struct.pack("!H", identifier) + data[2:])
            return await protocol.answer
        finally:
            transport.close()

    async def _query_tcp(self, server: str, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(server, self._port)
        try:
            writer.write(struct.pack("!H", len(data)) + data)
            await writer.drain()
            (length,) = struct.unpack("!H", await reader.readexactly(2))
            return await reader.readexactly(length)
        finally:
            writer.close()

    def _cache_response(self, key: bytes, answer: bytes) -> None:
        seconds = get_cache_seconds(answer)
        if seconds > 0:
            self._cache[key] = (time.monotonic() + seconds, answer)
            while len(self._cache) > _CACHE_ENTRIES:
                self._cache.popitem(last=False)


def get_cache_seconds(answer: bytes) -> float:
    """Seconds to cache a response: its smallest TTL, at most 30. 5 for a response without records."""
    try:
        record = dnslib.DNSRecord.parse(answer)
    except (dnslib.DNSError, ValueError, IndexError):
        return 0
    if record.header.tc or record.header.rcode not in {dnslib.RCODE.NOERROR, dnslib.RCODE.NXDOMAIN}:
        return 0
    if not record.rr:
        return _TTL_NEGATIVE
    return min(_TTL_MAX, *(int(entry.ttl) for entry in record.rr))
