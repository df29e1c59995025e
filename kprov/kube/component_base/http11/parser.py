"""Requests out of the bytes of one connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import httptools
from multidict import CIMultiDict, istr

from kprov.kube.component_base.http11.body import Body, BrokenBodyError
from kprov.kube.component_base.http11.request import Request

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.connection import Connection

#: Of a request's head, as Go's http.DefaultMaxHeaderBytes.
HEAD_BYTES: Final = 1 << 20

#: Names of headers that were seen; clients send the same few.
_names: dict[bytes, istr] = {}
_NAMES: Final = 512


class Parser:
    """Feed it; it tells the connection. in_head: some of a head has come, but not all."""

    def __init__(self, connection: Connection, request_class: type[Request]) -> None:
        self._connection = connection
        self._request_class = request_class
        self._parser = httptools.HttpRequestParser(self)
        #: No more requests: what comes is not looked at.
        self._is_deaf = False
        self._url = b""
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._last: Request | None = None
        self._is_upgrade = False
        self._head_bytes = 0
        self.in_head = False

    def feed(self, data: bytes) -> None:
        if self._is_deaf:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400)
        if self.in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431)

    def end(self, error: Exception) -> None:
        """There comes no more; error: what who reads a body is told."""
        if self._last is not None and not self._last.body.ended:
            self._last.body.end(error)

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = CIMultiDict()
        self.in_head = True

    def on_url(self, data: bytes) -> None:
        self._url += data

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.in_head:
            return  # a trailer
        known = _names.get(name)
        if known is None:
            known = istr(name.decode("latin-1"))
            if len(_names) < _NAMES:
                _names[name] = known
        self._headers.add(known, value.decode("utf-8", "surrogateescape"))

    def on_headers_complete(self) -> None:
        self.in_head = False
        self._head_bytes = 0
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        hosts = headers.getall("Host", ())
        if version not in {"1.1", "1.0"} or len(hosts) > 1 or (not hosts and version == "1.1"):
            self._refuse(400)
            return
        body = Body(self._connection.pause)
        try:
            request = self._request_class(
                parser.get_method().decode("latin-1"),
                self._url.decode("utf-8", "surrogateescape"),
                headers,
                body=body,
                connection=self._connection,
                version=version,
                keep_alive=parser.should_keep_alive(),
            )
        except ValueError:
            self._refuse(400)
            return
        self._last = request
        self._is_upgrade = parser.should_upgrade()
        if "Expect" in headers and version == "1.1" and headers["Expect"].lower() == "100-continue":
            body.on_first_read = self._connection.leave_to_send
        self._connection.requested(request)

    def on_body(self, data: bytes) -> None:
        if self._last is not None and not self._is_deaf:
            self._last.body.feed(data)

    def on_message_complete(self) -> None:
        if self._last is not None and not self._is_upgrade and not self._is_deaf:
            self._last.body.end()

    def _refuse(self, code: int) -> None:
        if self._is_deaf:
            return
        self._is_deaf = True
        self.in_head = False
        last = self._last
        if last is not None and not last.body.ended:
            # Its handler answers, told why.
            last.keep_alive = False
            last.body.end(BrokenBodyError("the body is broken"))
        elif last is None or last.keep_alive:
            self._connection.refused(code)

    def _switch(self, data: bytes) -> None:
        """After a request that asks for another protocol."""
        last = self._last
        if last is None or self._is_deaf:
            return
        if last.has_body:
            # httptools leaves such a body alone; and nobody upgrades with one.
            last.keep_alive = self._is_upgrade = False
            self._parser = _after(last, self.on_body, self.on_message_complete)
            self.feed(data)
            return
        last.body.end()
        self._is_deaf = True
        self._connection.switched(data)


class _Callbacks:
    def __init__(self, on_body: Callable[[bytes], None], on_message_complete: Callable[[], None]) -> None:
        self.on_body = on_body
        self.on_message_complete = on_message_complete


def _after(request: Request, on_body: Callable[[bytes], None], on_complete: Callable[[], None]) -> Any:
    """A parser that stands at the beginning of that request's body."""
    parser = httptools.HttpRequestParser(_Callbacks(on_body, on_complete))
    length = request.content_length
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())
    return parser
