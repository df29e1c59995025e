"""A reverse proxy in front of an API server that injects faults into requests and watches.

`proxy.choose_fault` gets the method and path of each request and chooses what goes wrong with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp
from aiohttp import web

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.servers import ApiServer, free_port

_REASONS: Final = {
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
_HOP_BY_HOP: Final = {"connection", "transfer-encoding", "content-length", "host"}
_CLOSING_SECONDS: Final = 0.25
#: The message with which the task of an expired watch is cancelled.
_EXPIRED: Final = "expired"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a request. Without arguments: nothing."""

    #: Status code of a refusal. The server does not get the request.
    code: int = 0
    #: Seconds until the server gets the request.
    delay: float = 0.0
    #: The server executes the request, then the connection breaks.
    loses_answer: bool = False
    #: The server gets the request at `release_requests`, also if the client is gone by then.
    is_held: bool = False


NO_FAULT: Final = Fault()
#: Chooses the fault from the method and the path.
FaultRule = Callable[[str, str], Fault]


def forward_all(_method: str, _path: str) -> Fault:
    return NO_FAULT


@dataclass
class FaultyProxy:
    """Runs in a thread of its own."""

    server: ApiServer
    port: int = field(default_factory=free_port)
    choose_fault: FaultRule = forward_all
    #: Refusals so far, by status code.
    refused: Counter[int] = field(default_factory=Counter)
    lost_answers: int = 0
    cut_watches: int = 0
    expired_watches: int = 0
    #: Held requests so far.
    held: int = 0
    #: Answers of the server, by the last part of the path and the status code.
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)
    #: Running watches, with the connections to the client.
    _watches: dict[asyncio.Task[object], web.StreamResponse] = field(default_factory=dict)
    _ready: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def drop_watches(self) -> None:
        """Cut all watches that run now."""
        self._loop.call_soon_threadsafe(self._cut)

    def expire_watches(self) -> None:
        """End all watches that run now with 410, as if the server had compacted their resource version."""
        self._loop.call_soon_threadsafe(self._expire)

    def hold_watches(self) -> None:
        """Let watches fall behind: hold back all events until `release_watches`."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def release_watches(self) -> None:
        self._loop.call_soon_threadsafe(self._flowing.set)

    def release_requests(self) -> None:
        self._loop.call_soon_threadsafe(self._passing.set)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)

    def wait_until_ready(self) -> None:
        assert self._ready.wait(30), "the proxy did not start"

    async def run(self) -> None:
        """Work until `stop`."""
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._passing = asyncio.Event()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.server.authority.issue("proxy", "kube-apiserver", serves=True))
        connector = aiohttp.TCPConnector(limit=0, ssl=self.server.context())
        async with aiohttp.ClientSession(
            connector=connector, auto_decompress=False, read_bufsize=1 << 22
        ) as self._session:
            runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=context).start()
            self._ready.set()
            await self._stopped.wait()
            self._passing.set()
            self._cut()
            await runner.cleanup()
        # TLS connections of aiohttp are closed a moment after their session.
        await asyncio.sleep(_CLOSING_SECONDS)

    def _cut(self) -> None:
        self.cut_watches += len(self._watches)
        for task in self._watches:
            task.cancel()

    def _expire(self) -> None:
        self.expired_watches += len(self._watches)
        for task in self._watches:
            task.cancel(_EXPIRED)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        fault = self.choose_fault(request.method, request.path)
        body = await request.read()
        if fault.is_held:
            self.held += 1
            await self._passing.wait()
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.code:
            self.refused[fault.code] += 1
            return _refuse(fault.code)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        async with self._session.request(
            request.method,
            f"{self.server.url}{request.raw_path}",
            data=body or None,
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as answer:
            self.answered[request.path.rpartition("/")[2], answer.status] += 1
            forwarded = {
                name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP
            }
            response = web.StreamResponse(status=answer.status, headers=forwarded)
            if fault.loses_answer:
                await answer.read()
                self.lost_answers += 1
                _abort(request)
                return response
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
            # Whole events: another one may follow that this proxy makes.
            async for line in answer.content:
                await self._flowing.wait()
                await response.write(line)

        task: asyncio.Task[object] = asyncio.create_task(forward())
        self._watches[task] = response
        try:
            await task
        except asyncio.CancelledError as error:
            if error.args == (_EXPIRED,):
                event = {"type": "ERROR", "object": _build_status(410)}
                await response.write(json.dumps(event).encode() + b"\n")
        except (OSError, aiohttp.ClientError):
            pass
        finally:
            del self._watches[task]
            if task.cancelled():
                _abort(request)


def _abort(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.abort()


def _refuse(code: int) -> web.Response:
    headers = {"Retry-After": "1"} if code == 429 else {}
    return web.json_response(_build_status(code), status=code, headers=headers)


def _build_status(code: int) -> JsonObject:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": f"injected: {HTTPStatus(code).phrase}",
        "reason": _REASONS[code],
        "code": code,
    }


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
