"""Requests to the API server."""

import asyncio
import contextlib
import copy
import dataclasses
import logging
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, Self, TypeVar, overload
from urllib.parse import quote, urlencode, urlsplit

import msgspec
import orjson

from kprov.kube.client import kubeconfig
from kprov.kube.client.api_connection import Body, Params
from kprov.kube.client.errors import ApiError, TransportError
from kprov.kube.client.resource import ResourceClient
from kprov.kube.client.transport import CONNECT_TIMEOUT_SECONDS, Transport
from kprov.kube.component_base.http11.connection_pool import FAILURES, Response
from kprov.kube.component_base.rate_limit import TokenBucket

log = logging.getLogger(__name__)

Object = TypeVar("Object")

# As client-go: so many responses with Retry-After.
_MAX_RETRIES: Final = 10
_LOGGED_WAIT_SECONDS: Final = 1.0
_UNAUTHORIZED: Final = 401
_NOT_MODIFIED: Final = 304
#: In place of a status code in metrics.
_NO_RESPONSE: Final = "<error>"
#: Says why a change was not sent.
_NOT_SENT: Final = "not sent, this process may lead no more"
#: A path that is sent as it is.
_PLAIN_PATH: Final = re.compile("(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*")

Observe = Callable[[str, str, str, float], None]


class _Answer(NamedTuple):
    """A response that is no error. etag: "" without one."""

    status: int
    content: bytes
    etag: str


class TokenSource(Protocol):
    """Bearer tokens of one user."""

    async def get_token(self) -> str:
        """Return a valid token. Raises ApiError and TransportError."""

    def forget(self, token: str) -> None:
        """Get a new token next time: the server rejected this one."""


class RestClient:
    """Requests to one API server or load balancer, with one identity and one rate limit."""

    def __init__(
        self,
        config: kubeconfig.ClientConfig,
        *,
        user_agent: str = "kprov",
        qps: float = 50,
        burst: int = 100,
        requests_at_once: int = 0,
        observe: Observe | None = None,
    ) -> None:
        """requests_at_once: how many requests, besides streams, wait for their responses. 0: no limit.

        observe: gets the server's host, the method, the status code or "<error>", and the seconds of each
        request (see request_metrics).
        """
        self.config = config
        self._observe = observe
        url = urlsplit(config.server)
        self._host = url.netloc.rpartition("@")[2]
        self._prefix = url.path.rstrip("/")
        self.user_agent = user_agent
        self._transport = Transport(config)
        self._owns_transport = True
        self._limit = TokenBucket(qps, burst)
        self._slots = asyncio.Semaphore(requests_at_once) if requests_at_once else contextlib.nullcontext()
        self._tokens: TokenSource | None = None
        self._get_seconds_left: Callable[[], float] | None = None

    @classmethod
    def from_kubeconfig(
        cls,
        path: str | Path,
        *,
        server: str = "",
        user_agent: str = "kprov",
        qps: float = 50,
        burst: int = 100,
        context: str = "",
        observe: Observe | None = None,
    ) -> "RestClient":
        """Return a client for a kubeconfig. "" is the pod's service account. Raises KubeconfigError.

        server: another URL than the kubeconfig's.
        """
        config = kubeconfig.load(path, context) if path else kubeconfig.in_cluster()
        if server:
            config = dataclasses.replace(config, server=server.rstrip("/"))
        return cls(config, user_agent=user_agent, qps=qps, burst=burst, observe=observe)

    def derive(self, user_agent: str, tokens: TokenSource | None = None) -> "RestClient":
        """Return a client with another user agent on the same connections, under the same limits.

        tokens: its identity, for a client without credentials: a client certificate wins over a token.
        The original closes the connections.
        """
        derived = copy.copy(self)
        derived.user_agent = user_agent
        derived._owns_transport = False  # noqa: SLF001  a copy of this client
        derived._tokens = tokens  # noqa: SLF001
        return derived

    def guard_changes(self, get_seconds_left: Callable[[], float]) -> "RestClient":
        """Return a client that sends changes only while this process leads. The original one is to be closed.

        A process that was suspended does not know at once that another one leads. get_seconds_left: of the
        LeaderElector.
        """
        guarded = self.derive(self.user_agent, self._tokens)
        guarded._get_seconds_left = get_seconds_left  # noqa: SLF001  a copy of this client
        return guarded

    def limit_requests(self, at_once: int) -> "RestClient":
        """Return a client with a limit of its own for requests at once.

        The original closes the connections.
        """
        limited = self.derive(self.user_agent, self._tokens)
        limited._slots = asyncio.Semaphore(at_once)  # noqa: SLF001  a copy of this client
        return limited

    async def close(self) -> None:
        if self._owns_transport:
            await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @overload
    def resource(self, group: str, version: str, plural: str) -> ResourceClient[dict[str, Any]]: ...
    @overload
    def resource(
        self, group: str, version: str, plural: str, view: type[Object]
    ) -> ResourceClient[Object]: ...
    def resource(self, group: str, version: str, plural: str, view: Any = dict) -> ResourceClient[Any]:
        """Typed access to one resource. view: a class of kprov.kube.api, or dict for whole documents."""
        return ResourceClient(self, group, version, plural, view)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Body | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> bytes:
        """Return the body of the response. Raise ApiError for errors, TransportError after `timeout`.

        Retries a 429 or 5xx response with Retry-After, up to ten times.
        """
        answer = await self._exchange(method, path, body, params, headers, timeout)
        return answer.content

    async def get_if_changed(
        self, path: str, etag: str, headers: Mapping[str, str]
    ) -> tuple[bytes, str] | None:
        """Return a document and its ETag, None if it still has the given one. Raise as `request`.

        etag: "" for any. The new one is "" if the server sends none.
        """
        condition = {"If-None-Match": etag} if etag else {}
        answer = await self._exchange("GET", path, None, None, {**headers, **condition}, 30.0)
        return None if answer.status == _NOT_MODIFIED else (answer.content, answer.etag)

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Body | None,
        params: Params | None,
        headers: Mapping[str, str] | None,
        timeout: float,
    ) -> _Answer:
        data, extra = _encode_body(body, headers)
        for attempt in range(_MAX_RETRIES + 1):
            await self._throttle(method, path)
            try:
                async with (
                    self._slots,
                    asyncio.timeout(timeout),
                    await self._send(method, path, data, params, extra) as response,
                ):
                    content = await response.read()
                    if response.status < 400:
                        return _Answer(response.status, content, response.headers.get("ETag") or "")
                    error = _parse_refusal(content, response.status)
                    wait = _retry_delay(response)
            except FAILURES as failure:
                raise TransportError(
                    f"{method} {self.config.server}{path}: {_describe_failure(failure)}"
                ) from failure
            if wait is None or attempt == _MAX_RETRIES:
                raise error
            await asyncio.sleep(wait)
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        idle_timeout: float | None = None,
        first_byte_timeout: float = 5 * CONNECT_TIMEOUT_SECONDS,
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Provide a GET with a long response, such as a watch or a log, piece by piece.

        Raises ApiError and TransportError as `request`, also while the body is read. idle_timeout: longest
        time between two pieces in seconds.
        """
        await self._throttle("GET", path)
        where = f"GET {self.config.server}{path}"
        try:
            async with asyncio.timeout(first_byte_timeout):
                response = await self._send("GET", path, None, params, dict(headers or {}))
        except FAILURES as failure:
            raise TransportError(f"{where}: {_describe_failure(failure)}") from failure
        # The connection of an unfinished stream closes.
        async with response:
            if idle_timeout is not None:
                response.limit_idle_time(idle_timeout)
            pieces = _iter_body(response, where)
            if response.status >= 400:
                raise _parse_refusal(b"".join([piece async for piece in pieces]), response.status)
            yield pieces

    async def _send(
        self, method: str, path: str, data: bytes | None, params: Params | None, headers: dict[str, str]
    ) -> Response:
        """Wait for the head of the response. Raises FAILURES, and what the source of tokens raises."""
        self._check_lease(method, path)
        pool = self._transport.pool()
        token = await self._tokens.get_token() if self._tokens is not None else self._transport.token
        fields = {"Host": self._host, "User-Agent": self.user_agent, "Accept": "application/json"}
        if token:
            fields["Authorization"] = f"Bearer {token}"
        target = self._prefix + (path if _PLAIN_PATH.fullmatch(path) else quote(path, safe="/%:@!$&'()*+,;="))
        if params:
            target += "?" + urlencode({key: _render_param(value) for key, value in params.items()})
        start, code = time.monotonic(), _NO_RESPONSE
        try:
            response = await pool.request(
                method,
                target,
                fields | headers,
                data,
                before_write=lambda: self._check_lease(method, path),
            )
            code = str(response.status)
        finally:
            self._observe_response(method, code, start)
        if response.status == _UNAUTHORIZED and self._tokens is not None:
            self._tokens.forget(token)
        return response

    def _observe_response(self, method: str, code: str, start: float) -> None:
        if self._observe is not None:
            self._observe(self._host, method, code, time.monotonic() - start)

    def _check_lease(self, method: str, path: str) -> None:
        """TransportError: the lease that a change needs has expired.

        A process may be suspended while it connects, and its timers run too late to stop the write when it
        wakes. So this is also checked when a change is written. After that the server may execute the change,
        and the client waits for the answer as usual: who gives up would only repeat the change.
        """
        if self._get_seconds_left is not None and method != "GET" and self._get_seconds_left() <= 0:
            raise TransportError(f"{method} {path}: {_NOT_SENT}")

    async def _throttle(self, method: str, path: str) -> None:
        start = time.monotonic()
        await self._limit.wait()
        waited = time.monotonic() - start
        if waited > _LOGGED_WAIT_SECONDS:
            log.info("waited %.1fs for the client-side rate limit before %s %s", waited, method, path)


async def _iter_body(response: Response, where: str) -> AsyncIterator[bytes]:
    try:
        async for piece in response.iter_body():
            yield piece
    except FAILURES as failure:
        raise TransportError(f"{where}: {_describe_failure(failure)}") from failure


def _encode_body(body: Body | None, headers: Mapping[str, str] | None) -> tuple[bytes | None, dict[str, str]]:
    extra = dict(headers or {})
    if body is None:
        return None, extra
    extra.setdefault("Content-Type", "application/json")
    if isinstance(body, bytes):
        return body, extra
    if isinstance(body, msgspec.Struct):
        return msgspec.json.encode(body), extra
    return orjson.dumps(body), extra


def _parse_refusal(content: bytes, code: int) -> ApiError:
    try:
        status = orjson.loads(content)
    except orjson.JSONDecodeError:
        status = None
    if not isinstance(status, dict) or status.get("kind") != "Status":
        text = content.decode(errors="replace").strip()[:500]
        status = {"kind": "Status", "status": "Failure", "message": text, "code": code}
    return ApiError(status, code)


def _retry_delay(response: Response) -> float | None:
    """Seconds to wait before a retry. None: no retry."""
    if response.status != 429 and response.status < 500:
        return None
    try:
        return float(response.headers["Retry-After"])
    except (KeyError, ValueError):
        return None


def _render_param(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _describe_failure(failure: BaseException) -> str:
    if isinstance(failure, TimeoutError):
        return str(failure) or "timed out"
    return str(failure) or type(failure).__name__
