"""Opens connections: names with several addresses, TLS, socket options, a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from kprov.kube.component_base.http11.pooled_connection import PooledConnection
from kprov.kube.component_base.tasks import start_task

#: Wait so long for one address before the next one is tried beside it (RFC 8305, 5).
_HEAD_START_SECONDS: Final = 0.25
_RESOLVED_SECONDS: Final = 30.0

SocketOption = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a client connects to.

    context: None for a connection without TLS. server_name: what the certificate is for, "" for the host.
    socket_path: of a server at a Unix socket of this machine, "" for host and port.
    """

    host: str
    port: int
    context: ssl.SSLContext | None = None
    server_name: str = ""
    socket_path: str = ""

    def __str__(self) -> str:
        if self.socket_path:
            return self.socket_path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Dialer:
    """Opens connections to one origin."""

    def __init__(self, origin: Origin, *, seconds: float, options: Sequence[SocketOption] = ()) -> None:
        """seconds: time limit for a connection with its TLS handshake. options: of each socket."""
        self._origin = origin
        self._seconds = seconds
        self._options = options
        #: What the name was resolved to, and when it has to be resolved again.
        self._addresses: Sequence[str] = ()
        self._resolve_at = 0.0

    async def dial(self, create: Callable[[], PooledConnection]) -> PooledConnection:
        """Return an open connection. OSError, of which ssl.SSLError and TimeoutError are some.

        Cancelled, it leaves no connection behind.
        """
        try:
            async with asyncio.timeout(self._seconds):
                if self._origin.socket_path:
                    return await self._connect_socket(self._origin.socket_path, create)
                addresses = await self._resolve()
                if len(addresses) == 1:
                    return await self._connect(addresses[0], create)
                return await self._connect_any(addresses, create)
        except TimeoutError as error:
            if error.errno is not None:  # the kernel's
                raise
            raise TimeoutError(f"no connection to {self._origin} in {self._seconds:g} seconds") from None

    async def _connect_socket(self, path: str, create: Callable[[], PooledConnection]) -> PooledConnection:
        connection = create()
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: connection, path)
        except OSError as error:
            connection.abort()
            raise OSError(error.errno, f"connect to {path}: {error.strerror or error}") from error
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _resolve(self) -> Sequence[str]:
        host, loop = self._origin.host, asyncio.get_running_loop()
        if _is_address(host):
            return (host,)
        if loop.time() >= self._resolve_at:
            entries = await loop.getaddrinfo(host, self._origin.port, type=socket.SOCK_STREAM)
            self._addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))
            self._resolve_at = loop.time() + _RESOLVED_SECONDS
        return self._addresses

    async def _connect(self, address: str, create: Callable[[], PooledConnection]) -> PooledConnection:
        origin = self._origin
        connection = create()
        name = (origin.server_name or origin.host.rstrip(".")) if origin.context is not None else None
        try:
            transport, _ = await asyncio.get_running_loop().create_connection(
                lambda: connection, address, origin.port, ssl=origin.context, server_hostname=name
            )
            # If the server has closed it already, its request finds that out.
            with contextlib.suppress(OSError):
                end = transport.get_extra_info("socket")
                for option in self._options if end is not None else ():
                    end.setsockopt(*option)
        except ssl.SSLError:
            connection.abort()
            raise
        except OSError as error:
            connection.abort()
            # The next connection may need other addresses.
            self._resolve_at = 0.0
            raise _name_address(error, address, origin.port) from error
        except BaseException:
            connection.abort()
            raise
        return connection

    async def _connect_any(
        self, addresses: Sequence[str], create: Callable[[], PooledConnection]
    ) -> PooledConnection:
        """Return the first connection that succeeds. Raises the error of the first address."""
        left = deque(addresses)
        attempts: list[asyncio.Task[PooledConnection]] = []
        try:
            while True:
                pending = [attempt for attempt in attempts if not attempt.done()]
                if left:
                    attempt = start_task(self._connect(left.popleft(), create), "attempt to connect")
                    attempts.append(attempt)
                    pending.append(attempt)
                elif not pending:
                    return attempts[0].result()
                await asyncio.wait(
                    pending,
                    timeout=_HEAD_START_SECONDS if left else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for attempt in attempts:
                    if attempt.done() and attempt.exception() is None:
                        attempts.remove(attempt)
                        return attempt.result()
        finally:
            for attempt in attempts:
                attempt.add_done_callback(_discard)
                attempt.cancel()


def _discard(attempt: asyncio.Task[PooledConnection]) -> None:
    """Close the connection of an attempt that nobody waits for."""
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().abort()


def _is_address(host: str) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError):
            socket.inet_pton(family, host)
            return True
    return False


def _name_address(error: OSError, address: str, port: int) -> OSError:
    """Return the error with the address, of the same class."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if error.errno is None:
        return ConnectionError(f"connect to {where}: {error}")
    reason = error.strerror or str(error)
    return OSError(error.errno, f"connect to {where}: {reason}")
