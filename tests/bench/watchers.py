"""Watchers that cost next to nothing, so that a fan-out measures the server and not its load.

An HTTP client in Python takes longer to read an event than a server does to send it, and then gives every server
the same figure.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from functools import cache
from urllib.parse import urlsplit


class Watcher(asyncio.Protocol):
    """One watch over a connection of its own: when which of the named objects came.

    `begun` is done when the answer has begun, `done` when `wanted` names have come.
    """

    def __init__(self, request: bytes, name: re.Pattern[bytes], wanted: int) -> None:
        self._request = request
        self._name = name
        self._wanted = wanted
        self._rest = b""
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self.arrived: list[tuple[bytes, float]] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if not self.begun.done():
            if b" 200 OK" not in data:
                self._fail(data[:500].decode(errors="replace"))
                return
            self.begun.set_result(None)
        lines, newline, rest = data.rpartition(b"\n")
        whole, self._rest = (self._rest + lines, rest) if newline else (b"", self._rest + data)
        self.arrived += [(found, now) for found in self._name.findall(whole)]
        if len(self.arrived) >= self._wanted and not self.done.done():
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the watch ended: {exc}")

    def _fail(self, why: str) -> None:
        for future in (self.begun, self.done):
            if not future.done():
                future.set_exception(SystemExit(why))


@cache
def _context() -> ssl.SSLContext:
    """One for all: a default context reads all authorities of this machine, and a thousand take a minute."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def start(url: str, token: str, path: str, name: re.Pattern[bytes], wanted: int) -> Watcher:
    """A watch of a path (with its query) that has begun."""
    parts = urlsplit(url)
    head = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\r\n"
    loop = asyncio.get_running_loop()
    _, watcher = await loop.create_connection(
        lambda: Watcher(head.encode(), name, wanted), parts.hostname or "", parts.port or 443, ssl=_context()
    )
    await asyncio.wait_for(watcher.begun, 60)
    return watcher
