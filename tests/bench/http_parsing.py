"""Our parser of HTTP/1.1 requests against httptools (llhttp): CPU time of one request, both in one run.

Both make the same `Request`. httptools hands out fields and pieces of the body; what it lets through although the
listener refuses it is checked behind it (`_HttptoolsParser`), so that both are equally strict.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from time import process_time
from typing import Any, Final

import httptools
from multidict import CIMultiDict, istr

from kprov.kube.component_base.http11 import head
from kprov.kube.component_base.http11.body import Body
from kprov.kube.component_base.http11.parser import MAX_HEAD_BYTES, RequestParser
from kprov.kube.component_base.http11.request import Request
from tests.bench.hosts import show

_ROUNDS: Final = 7
_REQUESTS: Final = 20_000
_FIELDS: Final = (
    b"Host: 10.0.0.1:6443\r\nUser-Agent: kubectl/v1.36.0 (linux/amd64) kubernetes/abcdef0\r\n"
    b"Accept: application/json\r\nAccept-Encoding: gzip\r\nAuthorization: Bearer 0123456789abcdef\r\n"
)
_PATH: Final = b"/api/v1/namespaces/default/pods/web-%d"


class _Connection:
    """Takes the place of a connection: counts its requests."""

    def __init__(self) -> None:
        self.count = 0

    def on_request(self, _request: Request) -> None:
        self.count += 1

    def on_bad_request(self, error: Exception) -> None:
        raise error

    def pause_reading(self, _on: bool) -> None:
        pass


class _HttptoolsParser:
    """httptools and what it leaves to its user: Host, known codings, methods, versions, limits."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._pairs: list[tuple[istr, str]] = []
        self._head_bytes = 0
        self._names: dict[bytes, istr] = {}
        self._body: Body

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url, self._pairs, self._head_bytes = b"", [], 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise head.HeadError(431)
        known = self._names.get(name)
        if known is None:
            known = self._names[name] = istr(name.decode("ascii"))
        self._pairs.append((known, value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        if len(self._pairs) > head._MAX_FIELDS:
            raise head.HeadError(431)
        version = self._parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            raise head.HeadError(505)
        headers = CIMultiDict(self._pairs)
        method = self._parser.get_method().decode()
        head._check_host(headers, method, version)
        if "Transfer-Encoding" in headers and headers["Transfer-Encoding"].lower() != "chunked":
            raise head.HeadError(501)
        body = self._body = Body(self._connection.pause_reading)
        request = Request(
            method,
            self._url.decode("utf-8", "surrogateescape"),
            headers,
            body=body,
            connection=self._connection,
            version=version,
            keep_alive=self._parser.should_keep_alive(),
        )
        self._connection.on_request(request)

    def on_body(self, data: bytes) -> None:
        self._body.feed(data)

    def on_message_complete(self) -> None:
        self._body.end()


def parsing() -> None:
    """Requests of clients that send the same fields again and again, and of others."""
    same = [b"GET " + _PATH % number + b" HTTP/1.1\r\n" + _FIELDS + b"\r\n" for number in range(50)]
    different = [
        b"GET " + _PATH % number + b" HTTP/1.1\r\n" + _FIELDS + b"X-Request-Id: %032x\r\n\r\n" % number
        for number in range(_REQUESTS)
    ]
    json_body = b'{"metadata":{"name":"a"}}' * 40
    sized = [
        b"POST " + _PATH % number + b" HTTP/1.1\r\n" + _FIELDS + b"Content-Length: %d\r\n\r\n" % len(json_body)
        + json_body
        for number in range(50)
    ]  # fmt: skip
    chunk = b"%x\r\n%b\r\n" % (len(json_body), json_body)
    chunked = [
        b"POST " + _PATH % number + b" HTTP/1.1\r\n" + _FIELDS + b"Transfer-Encoding: chunked\r\n\r\n"
        + chunk * 4 + b"0\r\n\r\n"
        for number in range(50)
    ]  # fmt: skip
    rows = []
    for name, requests in (
        ("GET, the same fields", same),
        ("GET, one field differs", different),
        ("POST of 1 KB", sized),
        ("POST of 4 chunks of 1 KB", chunked),
    ):
        ours, theirs = _compare(requests)
        rows += [
            (f"{name}: ours, httptools", f"{ours * 1e6:.1f} us, {theirs * 1e6:.1f} us"),
            ("  ratio", f"{theirs / ours:.2f}"),
        ]
    show(rows)


def _compare(requests: list[bytes]) -> tuple[float, float]:
    """The medians of alternating rounds, for one request."""
    ours, theirs = [], []
    for _ in range(_ROUNDS):
        ours.append(_measure(lambda connection: RequestParser(connection, Request), requests))
        theirs.append(_measure(_HttptoolsParser, requests))
    return sorted(ours)[_ROUNDS // 2], sorted(theirs)[_ROUNDS // 2]


def _measure(make: Callable[[Any], Any], requests: list[bytes]) -> float:
    connection = _Connection()
    feed = make(connection).feed
    source = cycle(requests)
    begin = process_time()
    for _ in range(_REQUESTS):
        feed(next(source))
    seconds = process_time() - begin
    if connection.count != _REQUESTS:
        raise SystemExit(f"parsed {connection.count} requests, not {_REQUESTS}")
    return seconds / _REQUESTS
