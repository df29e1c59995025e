"""A reverse proxy in front of an API server that answers some requests itself and cuts watches.

``proxy.fault`` is asked before each request; it returns the status code of a refusal, or 0 to forward the request.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp import web

from tests.apiserver.servers import ApiServer, free_port

#: Of the method and the path: the status code of a refusal, 0 for none.
Fault = Callable[[str, str], int]
_REASONS: Final = {409: "Conflict", 429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable"}
_HOP_BY_HOP: Final = {"connection", "transfer-encoding", "content-length", "content-encoding", "host"}
_CLOSING_SECONDS: Final = 0.25


def forward_all(_method: str, _path: str) -> int:
    return 0


@dataclass
class FaultyProxy:
    """Runs in a thread of its own."""

    server: ApiServer
    port: int = field(default_factory=free_port)
    fault: Fault = forward_all
    #: Refusals so far, by status code.
    refused: Counter[int] = field(default_factory=Counter)
    cut_watches: int = 0
    _watches: set[asyncio.Task[object]] = field(default_factory=set)
    _ready: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def drop_watches(self) -> None:
        """Cut all watches that run now."""
        self._loop.call_soon_threadsafe(self._cut)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    def wait_until_ready(self) -> None:
        assert self._ready.wait(30), "the proxy did not start"

    async def run(self) -> None:
        """Work until ``stop``."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.server.authority.issue("proxy", "kube-apiserver", serves=True))
        connector = aiohttp.TCPConnector(limit=0, ssl=self.server.context())
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as self._session:
            runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=context).start()
            self._ready.set()
            await self._stopped.wait()
            self._cut()
            await runner.cleanup()
        # TLS connections of aiohttp are closed a moment after their session.
        await asyncio.sleep(_CLOSING_SECONDS)

    def _cut(self) -> None:
        self.cut_watches += len(self._watches)
        for task in self._watches:
            task.cancel()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if code := self.fault(request.method, request.path):
            self.refused[code] += 1
            return _refuse(code)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = await request.read()
        async with self._session.request(
            request.method,
            f"{self.server.url}{request.raw_path}",
            data=body or None,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            if "watch" in request.query:
                await self._forward_watch(request, response, answer)
            else:
                await response.write(await answer.read())
            return response

    async def _forward_watch(
        self, request: web.BaseRequest, response: web.StreamResponse, answer: aiohttp.ClientResponse
    ) -> None:
        async def forward() -> None:
            async for piece in answer.content.iter_any():
                await response.write(piece)

        task: asyncio.Task[object] = asyncio.create_task(forward())
        self._watches.add(task)
        try:
            with contextlib.suppress(asyncio.CancelledError, OSError, aiohttp.ClientError):
                await task
        finally:
            self._watches.discard(task)
            if task.cancelled() and request.transport is not None:
                request.transport.abort()


def _refuse(code: int) -> web.Response:
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"injected: {HTTPStatus(code).phrase}",
        "reason": _REASONS[code],
        "code": code,
    }
    return web.json_response(status, status=code, headers={"Retry-After": "1"} if code == 429 else {})


@contextlib.contextmanager
def faulty_proxy(server: ApiServer) -> Iterator[FaultyProxy]:
    """A proxy in front of the server."""
    proxy = FaultyProxy(server)
    thread = threading.Thread(target=lambda: asyncio.run(proxy.run()), name="faulty-proxy")
    thread.start()
    try:
        proxy.wait_until_ready()
        yield proxy
    finally:
        proxy.stop()
        thread.join(20)
