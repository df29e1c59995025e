"""One request: its head, and its body as it arrives."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDict, MultiDict, MultiDictProxy

from kprov.kube.component_base.http11 import target as targets
from kprov.kube.component_base.http11.body import Body

if TYPE_CHECKING:
    import asyncio

    from kprov.kube.component_base.http11.answer import Answer
    from kprov.kube.component_base.http11.connection import Connection

Query = MultiDictProxy[str]

_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_NO_QUERY: Final[Query] = MultiDictProxy(MultiDict())
#: Queries that are asked again and again are short: those of lists and watches.
_SHORT: Final = 512


class Request:
    """headers: bytes that are no UTF-8 are surrogates. connection None: it came over none (tests)."""

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
        connection: Connection | None = None,
        version: str = "1.1",
        keep_alive: bool = True,
    ) -> None:
        """target: of the request line, a path, a whole URL, or of CONNECT a host. ValueError: it is none."""
        self.method = method
        self.headers = headers
        self.body = Body.of(b"") if body is None else body
        self.connection = connection
        self.version = version
        self.keep_alive = keep_alive
        #: Still percent-encoded, both.
        self.raw_path, self.raw_query, host = targets.parse(target, method)
        if host:
            headers["Host"] = host
        #: Decoded; a name may come more than once.
        self.query = _parsed(self.raw_query) if self.raw_query else _NO_QUERY

    def answering(self, answer: Answer) -> None:
        """Called before an answer's head is sent; the place for headers that all answers have."""

    @property
    def target(self) -> str:
        return f"{self.raw_path}?{self.raw_query}" if self.raw_query else self.raw_path

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    @property
    def host(self) -> str:
        """As the client names the server: HOST or HOST:PORT."""
        return self.headers.get("Host", "")

    @property
    def content_type(self) -> str:
        """Without parameters, in lower case; "" when there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int | None:
        text = self.headers.get("Content-Length")
        return int(text) if text else None

    @property
    def has_body(self) -> bool:
        """Whether one was announced, be it empty."""
        return bool(self.content_length) or "Transfer-Encoding" in self.headers

    @property
    def upgrade(self) -> str:
        """The protocol that the client would rather speak, in lower case; "" for none, and with a body."""
        if self.has_body:
            return ""
        tokens = (token.strip().lower() for token in self.headers.get("Connection", "").split(","))
        return self.headers.get("Upgrade", "").lower() if "upgrade" in tokens else ""

    @property
    def transport(self) -> asyncio.Transport | None:
        """None once the client is gone."""
        return None if self.connection is None else self.connection.transport

    @property
    def remote(self) -> str:
        """The peer's address, "" when it is not known."""
        return "" if self.connection is None else self.connection.remote

    @property
    def certificates(self) -> tuple[bytes, ...]:
        """The client's in DER, as the handshake has verified it, and what was sent along; () for none."""
        return () if self.connection is None else self.connection.certificates

    @property
    def secure(self) -> bool:
        return self.connection is not None and self.connection.tls is not None


def _parsed(text: str) -> Query:
    return _remembered(text) if len(text) <= _SHORT else _query(text)


@lru_cache(1024)
def _remembered(text: str) -> Query:
    return _query(text)


def _query(text: str) -> Query:
    if ";" in text or ("%" in text and _BAD_ESCAPE.search(text)):
        # As Go's server: what cannot be read is passed over, and so is what once parted two.
        text = "&".join(each for each in text.split("&") if ";" not in each and not _BAD_ESCAPE.search(each))
    return MultiDictProxy(MultiDict(parse_qsl(text, keep_blank_values=True)))
