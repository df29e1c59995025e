"""One request: its head, and its body as it arrives."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDict, MultiDict, MultiDictProxy

from kprov.kube.component_base.http11.body import Body
from kprov.kube.component_base.http11.framing import list_connection_options
from kprov.kube.component_base.http11.response import BaseResponse, StreamConnection
from kprov.kube.component_base.http11.target import parse_target
from kprov.kube.component_base.http11.tunnel import Tunnel
from kprov.kube.machinery.integers import parse_clamped

if TYPE_CHECKING:
    import asyncio

Query = MultiDictProxy[str]

_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_NO_QUERY: Final[Query] = MultiDictProxy(MultiDict())
#: 100,000 parameters, which fit into a head, take 80 ms. More than these are malformed.
_MAX_PARAMETERS: Final = 10_000
#: Longest query that is cached: those of lists and watches are short and come again and again.
_MAX_CACHED: Final = 512


class RequestConnection(StreamConnection, Protocol):
    """The connection of a request."""

    @property
    def remote(self) -> str: ...

    @property
    def certificates(self) -> tuple[bytes, ...]: ...

    @property
    def certificate(self) -> dict[str, Any] | None:
        """The verified client certificate as ssl.SSLSocket.getpeercert returns it. None for none."""

    @property
    def tls(self) -> Any: ...

    @property
    def is_responding(self) -> bool:
        """Whether a part of the response to the request is sent."""

    def tunnel(self) -> Tunnel:
        """Return the bytes behind the request, after its connection has switched protocols."""


class Request:
    """headers: bytes that are not UTF-8 are surrogates. connection: None in tests."""

    __slots__ = (
        "body",
        "connection",
        "headers",
        "keep_alive",
        "method",
        "query",
        "raw_path",
        "raw_query",
        "version",
    )

    def __init__(
        self,
        method: str,
        target: str,
        headers: CIMultiDict[str],
        *,
        body: Body | None = None,
        connection: RequestConnection | None = None,
        version: str = "1.1",
        keep_alive: bool = True,
    ) -> None:
        """target: a path, an absolute URL, "*", or the authority of CONNECT. ValueError: it is malformed."""
        self.method = method
        self.headers = headers
        self.body = Body.of(b"") if body is None else body
        self.connection = connection
        self.version = version
        self.keep_alive = keep_alive
        #: Still percent-encoded, both.
        self.raw_path, self.raw_query, host = parse_target(target, method)
        if host:
            headers["Host"] = host
        #: Decoded; a name may come more than once.
        self.query = _parse_query(self.raw_query) if self.raw_query else _NO_QUERY

    def before_response(self, answer: BaseResponse) -> None:
        """Add headers that all responses have, before a response's head is sent. Subclasses override it."""

    @property
    def target(self) -> str:
        return f"{self.raw_path}?{self.raw_query}" if self.raw_query else self.raw_path

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def host(self) -> str:
        """The Host header: HOST or HOST:PORT."""
        return self.headers.get("Host", "")

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case. "" if there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        text = self.headers.get("Content-Length")
        return parse_clamped(text) if text else None

    @property
    def has_body(self) -> bool:
        """Whether the head announces a body."""
        return bool(self.content_length) or "Transfer-Encoding" in self.headers

    @property
    def upgrade(self) -> str:
        """The protocol that the client asks for, in lower case. "" for none, and if there is a body."""
        protocol = self.headers.get("Upgrade")
        if not protocol or self.has_body or "upgrade" not in list_connection_options(self.headers):
            return ""
        return protocol.lower()

    @property
    def transport(self) -> asyncio.Transport | None:
        """None once the client has disconnected."""
        return None if self.connection is None else self.connection.transport

    @property
    def remote(self) -> str:
        """The peer's address. "" if it is unknown."""
        return "" if self.connection is None else self.connection.remote

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The verified client certificate in DER, and the others that came with it. () for none."""
        return () if self.connection is None else self.connection.certificates

    @property
    def secure(self) -> bool:
        return self.connection is not None and self.connection.tls is not None


def _parse_query(text: str) -> Query:
    return _parse_and_cache(text) if len(text) <= _MAX_CACHED else _parse(text)


@lru_cache(1024)
def _parse_and_cache(text: str) -> Query:
    return _parse(text)


def _parse(text: str) -> Query:
    if ";" in text or ("%" in text and _BAD_ESCAPE.search(text)):
        # As Go's server: ignore parameters with a semicolon or a malformed escape.
        text = "&".join(
            parameter
            for parameter in text.split("&")
            if ";" not in parameter and not _BAD_ESCAPE.search(parameter)
        )
    return MultiDictProxy(MultiDict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)))
