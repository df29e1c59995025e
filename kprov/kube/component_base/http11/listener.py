"""The port: takes connections, and lets go of those that are idle."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import monotonic, time
from typing import Any, Final

from kprov.kube.component_base.http11.answer import Answer
from kprov.kube.component_base.http11.connection import Connection
from kprov.kube.component_base.http11.request import Request

#: Takes a request (of the listener's class) and gives the answer. What it raises ends the connection.
Handler = Callable[[Any], Awaitable[Answer]]

#: For a request's head; as upstream's server has it.
_HEAD_SECONDS: Final = 32.0
_IDLE_SECONDS: Final = 180.0
_SWEEP_SECONDS: Final = 5.0


class Listener:
    """Serves until it is closed. A handler is cancelled when its client goes away."""

    def __init__(
        self,
        handler: Handler,
        *,
        request_class: type[Request] = Request,
        head_seconds: float = _HEAD_SECONDS,
        idle_seconds: float = _IDLE_SECONDS,
    ) -> None:
        """head_seconds: for a request's head to arrive. idle_seconds: how long a client may say nothing."""
        self.handler = handler
        self.request_class = request_class
        self.connections: set[Connection] = set()
        #: Answers end their connections.
        self.stopping = False
        self.head_seconds = head_seconds
        self._idle_seconds = idle_seconds
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._date = ""
        self._dated = 0

    @property
    def port(self) -> int:
        """That it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def start(
        self, address: str, port: int, context: ssl.SSLContext | None = None, *, reuse_port: bool = False
    ) -> None:
        """Listen; port 0 takes a free one. OSError: the port is taken."""
        loop = asyncio.get_running_loop()
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
        self._later()

    def stop_accepting(self) -> None:
        """Take no more connections, let go of the idle ones, and of each other one with its next answer."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            if connection.is_idle and connection.transport is not None:
                connection.transport.close()

    async def close(self) -> None:
        """End everything now. Requests that run are cancelled."""
        self.stop_accepting()
        if self._sweep is not None:
            self._sweep.cancel()
        left = list(self.connections)
        for connection in left:
            connection.abandon()
        await asyncio.gather(*(each.ended() for each in left))

    def date(self) -> str:
        """The Date header's line of this second."""
        now = int(time())
        if now != self._dated:
            self._dated = now
            self._date = f"Date: {formatdate(now, usegmt=True)}"
        return self._date

    def _later(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._swept)

    def _swept(self) -> None:
        now = monotonic()
        for connection in list(self.connections):
            if (
                connection.overdue(now, self.head_seconds, self._idle_seconds)
                and connection.transport is not None
            ):
                connection.transport.close()
        self._later()
