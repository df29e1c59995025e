"""Calls to one server. The channel connects with the first call, and again after a lost connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Final

from kprov.kube.component_base.rpc import headers
from kprov.kube.component_base.rpc.call import StreamingCall, UnaryCall, encode_message
from kprov.kube.component_base.rpc.connection import Connection
from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.component_base.tasks import start_task

#: Time limit for connecting.
_CONNECT_SECONDS: Final = 5.0


class Channel:
    """One server at a host and port. context: TLS that offers "h2", None for plain TCP.

    A call without a connection connects. If that fails, the call fails with UNAVAILABLE. The caller decides
    when to retry.
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
        #: All open connections. One that accepts no new calls finishes those that it has.
        self._connections: set[Connection] = set()
        self._connecting: asyncio.Task[Connection] | None = None
        self._closed = False

    @classmethod
    def of_socket(cls, path: str) -> Channel:
        """Return a channel to a server on this machine, at a Unix socket."""
        return cls("localhost", 0, None, socket_path=path)

    def encode_method(self, path: str, metadata: Iterable[tuple[str, str]] = ()) -> bytes:
        """Return the field block of calls to "/package.Service/Method" for `call_unary`, `open_stream`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        scheme = "https" if self._context else "http"
        authority = host if self._socket_path else f"{host}:{self._port}"
        return headers.encode_request_headers(scheme, authority, path, metadata, user_agent=self._user_agent)

    async def call_unary(self, method: bytes, message: bytes, *, timeout: float) -> bytes:
        """Send a message and return the response. RpcError: DEADLINE_EXCEEDED after `timeout` seconds."""
        loop = asyncio.get_running_loop()
        connection = self._connection
        if connection is None or not connection.is_usable:
            begin = loop.time()
            connection = await self._get_connection(timeout)
            timeout -= loop.time() - begin
        call = UnaryCall(loop.create_future())
        connection.open_stream(call, method, encode_message(message), ends_stream=True)
        timer = loop.call_later(timeout, _expire, connection, call)
        try:
            return await call.future
        except asyncio.CancelledError:
            connection.cancel_call(call)
            raise
        finally:
            timer.cancel()

    def open_stream(self, method: bytes) -> Stream:
        """Return a bidirectional stream. It opens with its first message."""
        return Stream(self, method)

    async def close(self) -> None:
        """Close the connections and fail all calls, also later ones."""
        self._closed = True
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait((self._connecting,))
        connections = list(self._connections)
        for connection in connections:
            connection.close()
        await asyncio.gather(*(connection.closed for connection in connections))

    async def _get_connection(self, seconds: float | None) -> Connection:
        """Return a usable connection. Callers that wait share one attempt to connect. RpcError."""
        if self._closed:
            raise RpcError(Code.CANCELLED, "the client was closed")
        if self._connecting is None:
            self._connecting = start_task(self._connect(), "gRPC connection")
            self._connecting.add_done_callback(self._store_connection)
        try:
            # Not asyncio.wait_for: it can lose a cancellation on Python 3.11.
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self._connecting)
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
                    # Without PINGs calls to a local server that hangs end by their deadline. Go's servers
                    # allow one PING in five minutes by default and otherwise close the connection.
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

    def _store_connection(self, task: asyncio.Task[Connection]) -> None:
        self._connecting = None
        # `exception` marks the error as seen: no caller may be waiting for it any more.
        if not task.cancelled() and task.exception() is None:
            connection = self._connection = task.result()
            self._connections.add(connection)
            connection.closed.add_done_callback(lambda _: self._connections.discard(connection))


class Stream:
    """A bidirectional stream of messages: `write`, iterate, `cancel`."""

    def __init__(self, channel: Channel, method: bytes) -> None:
        self._channel = channel
        self._method = method
        self._call = StreamingCall()
        self._connection: Connection | None = None
        self._opening: asyncio.Task[Connection] | None = None
        self._cancelled = False

    async def write(self, message: bytes, *, ends_stream: bool = False) -> None:
        """Send a message. ends_stream: it is the last one. RpcError, with CANCELLED after `cancel`."""
        if self._connection is None:
            self._opening = start_task(self._channel._get_connection(None), "gRPC connection of a call")
            try:
                connection = await self._opening
            except asyncio.CancelledError:
                if not self._cancelled:
                    raise
                raise RpcError(Code.CANCELLED, "cancelled") from None
            if self._cancelled:
                raise RpcError(Code.CANCELLED, "cancelled")
            self._connection = connection
            connection.open_stream(self._call, self._method, encode_message(message), ends_stream=ends_stream)
            return
        if self._cancelled:
            raise RpcError(Code.CANCELLED, "cancelled")
        self._connection.send_data(self._call, encode_message(message), ends_stream=ends_stream)

    def cancel(self) -> None:
        """Cancel it, also while it waits for its connection. Iterating raises RpcError."""
        if self._cancelled:
            return
        self._cancelled = True
        if self._opening is not None:
            self._opening.cancel()
        if self._connection is not None:
            self._connection.cancel_call(self._call)
        self._call.cancel(RpcError(Code.CANCELLED, "cancelled"))

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        message = await self._call.next()
        if message is None:
            raise StopAsyncIteration
        return message


def _expire(connection: Connection, call: UnaryCall) -> None:
    connection.cancel_call(call)
    call.end(RpcError(Code.DEADLINE_EXCEEDED, "Deadline Exceeded"))
