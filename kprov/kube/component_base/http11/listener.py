"""The listener: accepts connections, and closes those that are idle."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from time import gmtime, monotonic, strftime, time
from typing import Any, Final

from kprov.kube.component_base.http11.connection import Connection
from kprov.kube.component_base.http11.request import Request
from kprov.kube.component_base.http11.response import BaseResponse
from kprov.kube.component_base.tasks import start_background_task, start_task

#: Gets a request (of the listener's class) and returns the response. The connection closes if it raises.
Handler = Callable[[Any], Awaitable[BaseResponse]]

#: Time limit for a request's head, as upstream's server.
_HEAD_SECONDS: Final = 32.0
_IDLE_SECONDS: Final = 180.0
_SWEEP_SECONDS: Final = 5.0
#: What a stopping listener leaves to clients that have just connected: for their handshakes, and then at most
#: for their first requests. Go's net/http leaves 5 s for a first request.
_HANDSHAKE_SECONDS: Final = 0.5
_FIRST_REQUEST_SECONDS: Final = 1.5


class Listener:
    """Serves until it is closed. Cancels a handler when its client disconnects."""

    def __init__(
        self,
        handler: Handler,
        *,
        request_class: type[Request] = Request,
        head_seconds: float = _HEAD_SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        """head_seconds: time limit for a request's head. idle_seconds: time limit between two requests."""
        self.handler = handler
        self.request_class = request_class
        self.connections: set[Connection] = set()
        #: Each connection closes after its next response.
        self.is_stopping = False
        self.head_seconds = head_seconds
        self._idle_seconds = idle_seconds
        self._server: asyncio.Server | None = None
        self._context: ssl.SSLContext | None = None
        self._arrivals: set[asyncio.Task[None]] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._date = ""
        self._date_second = 0

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(
        self, address: str, port: int, context: ssl.SSLContext | None = None, *, reuse_port: bool = False
    ) -> None:
        """Listen. Port 0 picks a free port. OSError: the port is in use."""
        loop = asyncio.get_running_loop()
        self._context = context
        self._server = await loop.create_server(
            lambda: Connection(self),
            address,
            port,
            ssl=context,
            backlog=1024,
            reuse_address=True,
            reuse_port=reuse_port or None,
            ssl_handshake_timeout=self.head_seconds if context is not None else None,
        )
        self._schedule_sweep()

    def stop_accepting(self) -> None:
        """Accept no more connections, close idle ones now, and each other one after its next response.

        A connection that has sent no request yet is left open: its first request may be on its way.
        """
        self.is_stopping = True
        if self._server is not None:
            self._close_server(self._server)
            self._server = None
        for connection in list(self.connections):
            if connection.is_idle and not connection.is_new and connection.transport is not None:
                connection.transport.close()

    async def finish_arrivals(self) -> None:
        """Leave clients that have just connected the time for a first request; close the others."""
        if self._arrivals:
            await asyncio.wait(self._arrivals, timeout=_HANDSHAKE_SECONDS)
        if self._context is not None:
            # Connections are not known before their handshakes end.
            await asyncio.sleep(_HANDSHAKE_SECONDS)
        waiting = [
            start_task(connection.wait_closed(), "end of an idle connection")
            for connection in self.connections
            if connection.is_idle
        ]
        if waiting:
            _, pending = await asyncio.wait(waiting, timeout=_FIRST_REQUEST_SECONDS)
            for task in pending:
                task.cancel()
        for connection in list(self.connections):
            if connection.is_idle and connection.transport is not None:
                connection.transport.close()

    async def stop(self, seconds: float) -> None:
        """Close, but leave the requests under way so many seconds for their responses."""
        self.stop_accepting()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.finish_arrivals()
                await asyncio.gather(*(connection.wait_closed() for connection in list(self.connections)))
        await self.close()

    async def close(self) -> None:
        """Close all connections now and cancel their handlers."""
        self.stop_accepting()
        if self._sweep_timer is not None:
            self._sweep_timer.cancel()
        for task in list(self._arrivals):
            task.cancel()
        left = list(self.connections)
        for connection in left:
            connection.abort()
        await asyncio.gather(*(open_connection.wait_closed() for open_connection in left))

    def _close_server(self, server: asyncio.Server) -> None:
        """Close the listening sockets, and serve the connections that the kernel has accepted for them.

        Closing alone would reset these: a load balancer cannot try another server for a client that it has
        connected.
        """
        copies = [socket.socket(fileno=os.dup(listening.fileno())) for listening in server.sockets]
        server.close()
        for copy in copies:
            with copy, contextlib.suppress(OSError):
                copy.setblocking(False)
                while True:
                    arrived, _ = copy.accept()
                    arrived.setblocking(False)
                    task = start_background_task(self._connect(arrived), "accepted connection")
                    self._arrivals.add(task)
                    task.add_done_callback(self._arrivals.discard)

    async def _connect(self, arrived: socket.socket) -> None:
        """Serve a connection that was accepted here."""
        with contextlib.suppress(OSError):
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self),
                arrived,
                ssl=self._context,
                ssl_handshake_timeout=self.head_seconds if self._context is not None else None,
            )

    def date_line(self) -> str:
        """Return the Date header line of this second."""
        now = int(time())
        if now != self._date_second:
            self._date_second = now
            # In the locale C: the process sets no other one.
            self._date = strftime("Date: %a, %d %b %Y %H:%M:%S GMT", gmtime(now))
        return self._date

    def _schedule_sweep(self) -> None:
        self._sweep_timer = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._close_overdue)

    def _close_overdue(self) -> None:
        now = monotonic()
        for connection in list(self.connections):
            if (
                connection.is_overdue(now, self.head_seconds, self._idle_seconds)
                and connection.transport is not None
            ):
                connection.transport.close()
        self._schedule_sweep()
