"""GET of one document of limited size, with redirects.

Called by probes, by the API server's authentication and by its component statuses. Each request has a
connection of its own.
Source: Go's net/http (client.go: redirectBehavior, shouldCopyHeaderOnRedirect, send).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from multidict import CIMultiDict

from kprov.kube.component_base.http11 import dial_errors
from kprov.kube.component_base.http11.client import FAILURES, ClientConnection, target_of

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS: Final = 10
_PORTS: Final = {"http": 80, "https": 443}
#: Headers that another host does not get.
_CREDENTIALS: Final = ("Authorization", "Cookie", "Cookie2", "Www-Authenticate", "Proxy-Authorization")
#: What stands unchanged in a Location header.
_URL_CHARACTERS: Final = "".join(map(chr, range(0x21, 0x7F)))


class GetError(OSError):
    """There is no response. The text is Go's, without the URL. url: of the request that failed."""

    def __init__(self, text: str, url: str) -> None:
        super().__init__(text)
        self.url = url


@dataclass(frozen=True, slots=True)
class Document:
    """A response. is_cut: the body is longer than the caller's limit, and `body` is its beginning."""

    status: int
    reason: str
    headers: CIMultiDict[str]
    body: bytes
    is_cut: bool


#: Opens a connection for a request, and returns it with the target of the request line.
Open = Callable[[SplitResult], Awaitable[tuple[ClientConnection, str]]]


async def open_unverified(url: SplitResult) -> tuple[ClientConnection, str]:
    """Connect to the URL's own host. Any certificate is accepted."""
    return await ClientConnection.open(url, _make_unverified_context()), target_of(url)


@cache
def _make_unverified_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def get_document(
    url: str,
    headers: CIMultiDict[str],
    open_connection: Open,
    *,
    seconds: float,
    max_bytes: int,
    leaves_host: bool = True,
) -> Document:
    """GET with at most ten redirects. GetError: no complete response within the time, or a malformed one.

    headers: may have a Host. seconds: for all of it, slow bytes included. leaves_host: whether redirects to
    another host are followed; if not, such a redirect is the result.
    """
    request = _Request(url, headers, open_connection, max_bytes)
    try:
        async with asyncio.timeout(seconds):
            for _ in range(_MAX_REDIRECTS):
                document = await request.send()
                target = _find_redirect(document, request.url)
                if target is None:
                    return document
                if not leaves_host and urlsplit(target).hostname != urlsplit(url).hostname:
                    return document
                request.redirect(document.headers["Location"], target)
            raise GetError("stopped after 10 redirects", request.url)
    except TimeoutError as error:
        if request.has_head:
            text = "context deadline exceeded (Client.Timeout or context cancellation while reading body)"
        else:
            text = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise GetError(text, request.url) from error


class _Request:
    """What is sent next. has_head: the head of the response has arrived."""

    def __init__(self, url: str, headers: CIMultiDict[str], open_connection: Open, max_bytes: int) -> None:
        self.url = url
        self.has_head = False
        self._first_host = urlsplit(url).hostname or ""
        self._headers = headers.copy()
        self._host = self._headers.pop("Host", "")
        self._open = open_connection
        self._max_bytes = max_bytes

    async def send(self) -> Document:
        self.has_head = False
        try:
            parts = urlsplit(self.url)
            _ = parts.port  # ValueError: not a number
        except ValueError as error:
            raise GetError(f"invalid URL: {error}", self.url) from error
        if parts.scheme not in _PORTS:
            raise GetError(f'unsupported protocol scheme "{parts.scheme}"', self.url)
        if not parts.hostname:
            raise GetError("http: no Host in request URL", self.url)
        try:
            connection, target = await self._open(parts)
            async with connection:
                return await self._exchange(connection, parts, target)
        except GetError:
            raise
        except (*FAILURES, ValueError) as error:
            raise GetError(dial_errors.describe_error(error, parts), self.url) from error

    async def _exchange(self, connection: ClientConnection, parts: SplitResult, target: str) -> Document:
        head = await connection.request("GET", target, self._host or _host_of(parts), self._headers.items())
        self.has_head = True
        if head.status == 101:
            raise GetError("unexpected 101 Switching Protocols", self.url)
        body = bytearray()
        async for piece in connection.iter_body(head):
            body += piece
            if len(body) > self._max_bytes:
                break
        limit = self._max_bytes
        return Document(head.status, head.reason, head.headers, bytes(body[:limit]), len(body) > limit)

    def redirect(self, location: str, target: str) -> None:
        if urlsplit(location).netloc:
            self._host = ""
        name = urlsplit(target).hostname or ""
        if name != self._first_host and not name.endswith(f".{self._first_host}"):
            for credential in _CREDENTIALS:
                self._headers.popall(credential, None)
        self.url = target


def _find_redirect(document: Document, url: str) -> str | None:
    """Where a response redirects to, absolute and percent-encoded. GetError: no URL."""
    location = document.headers.get("Location")
    if document.status not in _REDIRECTS or not location:
        return None
    try:
        target = urljoin(url, quote(location, safe=_URL_CHARACTERS, errors="surrogateescape"))
        urlsplit(target)
    except ValueError as error:
        raise GetError(f"failed to parse Location header {location!r}: {error}", url) from error
    return target


def _host_of(parts: SplitResult) -> str:
    """Return the Host header of a URL: without credentials and the usual port."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}" if parts.port in {None, _PORTS[parts.scheme]} else f"{host}:{parts.port}"
