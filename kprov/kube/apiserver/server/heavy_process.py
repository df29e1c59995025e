"""The process that executes heavy requests, as the first process sees it.

In a thread they would take the interpreter from the event loop: for the whole time of each call of a C
function (decoding 2 MB takes 30 ms, a full garbage collection 100 ms), for the switch interval otherwise, and
on a busy host also for as long as the kernel lets the thread wait for a CPU while it holds the interpreter.
Here the loop only moves the bytes of a heavy request, and the kernel prefers the first process.

The process is a second API server without a listener. It starts with the first heavy request, which is still
executed here, and stops when there was none for some minutes, because it has its own watch cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import sys
from time import monotonic
from typing import Final

from kprov.kube.apiserver.request import RequestContext
from kprov.kube.apiserver.request.http_request import Request
from kprov.kube.apiserver.server import relay_channel, workers
from kprov.kube.apiserver.server.relay_channel import Channel
from kprov.kube.component_base.http11.response import Response
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

_IDLE_SECONDS: Final = 600.0
_RESTART_SECONDS: Final = 2.0
#: Credentials have been checked. They do not travel.
_NOT_SENT: Final = frozenset({"authorization", "cookie", "content-length", "transfer-encoding", "expect"})


class HeavyProcess:
    """Starts the process when `want` is called, and sends it requests."""

    def __init__(self, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._idle_seconds = idle_seconds
        self._wanted = asyncio.Event()
        self._used = 0.0
        self._channel: Channel | None = None
        self._numbers = itertools.count()
        self._results: dict[int, asyncio.Future[tuple[relay_channel.Result, bytes]]] = {}
        self._is_ready = False

    @property
    def is_ready(self) -> bool:
        """Whether the process takes requests."""
        return self._is_ready

    def want(self) -> None:
        """Start the process if it does not run."""
        self._used = monotonic()
        self._wanted.set()

    async def execute(self, request: Request, context: RequestContext, data: bytes) -> Response:
        """Execute an authorized request there. Raise StatusError 500 if the process ends meanwhile."""
        channel = self._channel
        assert channel is not None
        self._used = monotonic()
        user = context.user
        number = next(self._numbers)
        work = relay_channel.Work(
            number,
            request.method,
            request.target,
            [(str(name), value) for name, value in request.headers.items() if name.lower() not in _NOT_SENT],
            user.name,
            user.groups,
            user.uid,
            dict(user.extra),
            context.audit_annotations is not None,
        )
        future = self._results[number] = asyncio.get_running_loop().create_future()
        try:
            channel.send(work, data)
            result, body = await future
        except asyncio.CancelledError:
            with contextlib.suppress(ConnectionError):
                channel.send(relay_channel.Cancellation(number))
            raise
        except ConnectionError:
            text = "the process that executes large requests has ended; it may have executed this request"
            raise status.internal_error(text) from None
        finally:
            del self._results[number]
            self._used = monotonic()
        request.metrics_label = result.metrics_label
        for key, value in result.annotations.items():
            context.annotate(key, value)
        response = Response(body, status=result.status, reason=result.reason)
        for name, value in result.headers:
            response.headers.add(name, value)
        return response

    async def run(self) -> None:
        """Run the process whenever it is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            await self._run_process()
            await asyncio.sleep(_RESTART_SECONDS)

    async def _run_process(self) -> None:
        """Run the process until it ends or is idle for too long."""
        own, other = socket.socketpair()
        lost = asyncio.Event()
        self._channel = channel = await Channel.open(own, self._take_message, lost.set)
        with other:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "kprov.kube.apiserver",
                *sys.argv[1:],
                env=workers.make_environment() | {workers.CHANNEL: str(other.fileno())},
                pass_fds=(other.fileno(),),
            )
        try:
            while not lost.is_set():
                left = self._used + self._idle_seconds - monotonic()
                if left <= 0 and not self._results:
                    break
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(max(left, 1.0)):
                        await lost.wait()
            if lost.is_set():
                log.warning("the process of heavy requests has ended")
        finally:
            self._is_ready = False
            self._wanted.clear()
            self._channel = None
            channel.close()
            self._fail_requests()
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    def _take_message(self, message: relay_channel.Message, body: bytes) -> None:
        if isinstance(message, relay_channel.Ready):
            self._is_ready = True
            log.info("another process executes heavy requests from now on")
        elif isinstance(message, relay_channel.Result):
            future = self._results.get(message.number)
            if future is not None and not future.done():
                future.set_result((message, body))

    def _fail_requests(self) -> None:
        for future in self._results.values():
            if not future.done():
                future.set_exception(ConnectionResetError("the process has ended"))
