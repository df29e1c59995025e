"""Calls to one server; its connection is made when it is needed, and again when it was lost."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final

from kprov.kube.component_base.rpc import headers
from kprov.kube.component_base.rpc.connection import Connection
from kprov.kube.component_base.rpc.exchange import Streaming, Unary, prefixed
from kprov.kube.component_base.rpc.status import Code, RpcError

#: Seconds until a server that does not answer at all counts as away.
_CONNECT_SECONDS: Final = 5.0


class Channel:
    """One server, at a host and port; `context`: TLS that offers "h2", None for none.

    A call that finds no connection makes one and fails with UNAVAILABLE when that fails: pauses are the
    caller's.
    """

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext | None,
        *,
        socket_path: str = "",
        user_agent: str = "kprov",
    ) -> None:
        self._host = host
        self._port = port
        self._context = context
        self._socket_path = socket_path
        self._user_agent = user_agent
        self._connection: Connection | None = None
        #: All that are not gone: one that takes no new calls brings those that it has to their end.
        self._connections: set[Connection] = set()
        self._connecting: asyncio.Task[Connection] | None = None
        self._closed = False

    @classmethod
    def of_socket(cls, path: str) -> Channel:
        """A server of this machine, at a Unix socket."""
        return cls("localhost", 0, None, socket_path=path)

    def method(self, path: str, metadata: Iterable[tuple[str, str]] = ()) -> bytes:
        """What calls of a method ("/package.Service/Method") begin with; for `unary` and `stream`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        scheme = "https" if self._context else "http"
        authority = host if self._socket_path else f"{host}:{self._port}"
        return headers.request(scheme, authority, path, metadata, user_agent=self._user_agent)

    async def unary(self, method: bytes, message: bytes, *, timeout: float) -> bytes:
        """The answer. Raises RpcError, DEADLINE_EXCEEDED after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        connection = self._connection
        if connection is None or not connection.usable:
            begin = loop.time()
            connection = await self._connected(timeout)
            timeout -= loop.time() - begin
        exchange = Unary(loop.create_future())
        connection.begin(exchange, method, prefixed(message), ends=True)
        timer = loop.call_later(timeout, _expire, connection, exchange)
        try:
            return await exchange.future
        except asyncio.CancelledError:
            connection.abandon(exchange)
            raise
        finally:
            timer.cancel()

    def stream(self, method: bytes) -> Stream:
        """A bidirectional stream; it begins with its first message."""
        return Stream(self, method)

    async def close(self) -> None:
        """End the connection and all calls; there are no new ones."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        connections = list(self._connections)
        for connection in connections:
            connection.close()
        await asyncio.gather(*(connection.lost for connection in connections))

    async def _connected(self, seconds: float | None) -> Connection:
        """A usable connection, made once for all who wait for it. Raises RpcError."""
        if self._closed:
            raise RpcError(Code.CANCELLED, "the client was closed")
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._made)
        try:
            return await asyncio.wait_for(asyncio.shield(self._connecting), seconds)
        except TimeoutError:
            raise RpcError(Code.DEADLINE_EXCEEDED, f"no connection after {seconds:.1f} s") from None
        except (OSError, ssl.SSLError) as error:
            text = f"failed to connect to {self._socket_path or f'{self._host}:{self._port}'}: {error}"
            raise RpcError(Code.UNAVAILABLE, text) from None
        except asyncio.CancelledError:
            if self._closed:
                raise RpcError(Code.CANCELLED, "the client was closed") from None
            raise

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                if self._socket_path:
                    # A local server that hangs keeps its calls until they expire. PINGs would not help:
                    # Go's servers allow one in five minutes by default and then close the connection.
                    _, connection = await loop.create_unix_connection(
                        lambda: Connection(keepalive=False), self._socket_path
                    )
                else:
                    _, connection = await loop.create_connection(
                        Connection, self._host, self._port, ssl=self._context
                    )
        except TimeoutError:
            raise OSError(f"no answer within {_CONNECT_SECONDS:g} s") from None
        return connection

    def _made(self, task: asyncio.Task[Connection]) -> None:
        self._connecting = None
        # An exception that nobody waits for any more is no news.
        if not task.cancelled() and task.exception() is None:
            connection = self._connection = task.result()
            self._connections.add(connection)
            connection.lost.add_done_callback(lambda _: self._connections.discard(connection))


class Stream:
    """A bidirectional stream of messages: `write`, iterate, `cancel`."""

    def __init__(self, channel: Channel, method: bytes) -> None:
        self._channel = channel
        self._method = method
        self._exchange = Streaming()
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._cancelled = False

    async def write(self, message: bytes, *, ends: bool = False) -> None:
        """Send a message; `ends`: it is the last one. Raises RpcError, CANCELLED once it is cancelled."""
        if self._connection is None:
            self._opening = asyncio.ensure_future(self._channel._connected(None))
            try:
                connection = await self._opening
            except asyncio.CancelledError:
                if not self._cancelled:
                    raise
                raise RpcError(Code.CANCELLED, "cancelled") from None
            if self._cancelled:
                raise RpcError(Code.CANCELLED, "cancelled")
            self._connection = connection
            connection.begin(self._exchange, self._method, prefixed(message), ends=ends)
            return
        if self._cancelled:
            raise RpcError(Code.CANCELLED, "cancelled")
        self._connection.send(self._exchange, prefixed(message), ends=ends)

    def cancel(self) -> None:
        """End it at once, also while it waits for its connection; iterating raises RpcError."""
        if self._cancelled:
            return
        self._cancelled = True
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            self._connection.abandon(self._exchange)
        self._exchange.drop(RpcError(Code.CANCELLED, "cancelled"))

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        message = await self._exchange.next()
        if message is None:
            raise StopAsyncIteration
        return message


def _expire(connection: Connection, exchange: Unary) -> None:
    connection.abandon(exchange)
    exchange.end(RpcError(Code.DEADLINE_EXCEEDED, "Deadline Exceeded"))
