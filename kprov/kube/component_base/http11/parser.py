"""Requests out of the bytes of one connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

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
#: How requests begin whose methods need no second look.
_USUAL: Final = tuple(
    name + b" " for name in (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE", b"HEAD", b"OPTIONS", b"CONNECT")
)
#: A method that httptools may not know is read in the guise of this one.
_GUISE: Final = b"POST "
_METHOD_BYTES: Final = 4096
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SEPARATORS: Final = re.compile(r"[ ,\t]+")
#: Of a body in chunks: what may come beside data is this, so much for each chunk, and twice the data. A line
#: of Go's has 4 KiB and all trailers, too; here that is looked at in slices of this size.
_EXTRA_BYTES: Final = 16 * 1024
_EXTRA_OF_CHUNK: Final = 18
_SLICE_BYTES: Final = 4096


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
        #: Nothing of the next request has come. What has come of a method that may be none of the usual ones.
        self._is_between = True
        self._begun = b""
        self._method = ""
        #: While a body comes in chunks: bytes beside its data, less what they may be.
        self._is_chunked = False
        self._extra = 0
        #: A parser is being put before a body: its head is no request.
        self._is_posing = False
        self.in_head = False

    def feed(self, data: bytes) -> None:
        if self._is_chunked and len(data) > _SLICE_BYTES:
            for at in range(0, len(data), _SLICE_BYTES):
                self._connection.data_received(data[at : at + _SLICE_BYTES])
            return
        if self._is_deaf:
            return
        if self._is_between and (self._begun or not data.startswith(_USUAL)):
            data = self._begin(data)
        if self._is_chunked:
            self._extra += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._switch(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            text = str(error)
            is_coding = "Transfer-Encoding" in text and "Content-Length" not in text
            self._refuse(501 if is_coding else 400)
        if self._is_chunked and self._extra > _EXTRA_BYTES:
            self._refuse(400)
        if self.in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431)

    def resume(self, data: bytes) -> None:
        """After a protocol that was not switched to: data is HTTP again."""
        self._parser = httptools.HttpRequestParser(self)
        self._is_upgrade = self._is_deaf = False
        self._is_between = True
        if data:
            self._connection.data_received(data)

    def end(self, error: Exception) -> None:
        """There comes no more; error: what who reads a body is told."""
        if self._last is not None and not self._last.body.ended:
            self._last.body.end(error)

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = CIMultiDict()
        self._is_between = False
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
        if self._is_posing:
            return
        parser, headers = self._parser, self._headers
        version = parser.get_http_version()
        hosts = headers.getall("Host", ())
        if version not in {"1.1", "1.0"} or len(hosts) > 1 or (not hosts and version == "1.1"):
            self._refuse(400)
            return
        if "Transfer-Encoding" in headers and not self._takes_chunks(headers, version):
            return
        body = Body(self._connection.pause)
        try:
            request = self._request_class(
                self._method or parser.get_method().decode("latin-1"),
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
        self._method = ""
        if "Expect" in headers and not self._takes_expectation(request):
            return
        self._last = request
        self._is_upgrade = parser.should_upgrade()
        self._connection.requested(request)

    def on_chunk_header(self) -> None:
        self._extra = max(self._extra - _EXTRA_OF_CHUNK, 0)

    def on_body(self, data: bytes) -> None:
        if self._last is not None and not self._is_deaf:
            self._last.body.feed(data)
            if self._is_chunked:
                self._extra -= 3 * len(data)

    def on_message_complete(self) -> None:
        self._is_between = True
        self._is_chunked = False
        if self._last is not None and not self._is_upgrade and not self._is_deaf:
            self._last.body.end()

    def _begin(self, data: bytes) -> bytes:
        """The beginning of a request as httptools reads it, b"" until its method is there as a whole."""
        data = self._begun + data
        method, space, rest = data.partition(b" ")
        is_method = _TOKEN.fullmatch(method) is not None
        if is_method and not space and len(data) <= _METHOD_BYTES:
            self._begun = data
            self.in_head = True
            return b""
        self._begun = b""
        if not is_method or data.startswith(_USUAL):
            return data
        self._method = method.decode()
        return _GUISE + rest

    def _takes_chunks(self, headers: CIMultiDict[str], version: str) -> bool:
        """Whether a body's coding is the one there is, of which HTTP/1.0 knows nothing; refused otherwise."""
        codings = headers.getall("Transfer-Encoding")
        if len(codings) > 1 or codings[0].strip().lower() != "chunked" or version == "1.0":
            self._refuse(501)
            return False
        self._is_chunked = True
        self._extra = 0
        return True

    def _takes_expectation(self, request: Request) -> bool:
        """Whether it is the one that there is, or none; refused otherwise."""
        text = request.headers["Expect"].lower()
        if text and "100-continue" not in _SEPARATORS.split(text):
            self._refuse(417)
            return False
        if text and request.version == "1.1":
            request.body.on_first_read = self._connection.leave_to_send
        return True

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
            self._is_upgrade = False
            self._pose(last)
            if data:
                self._connection.data_received(data)
            return
        last.body.end()
        self._is_deaf = True
        self._connection.switched(data)

    def _pose(self, request: Request) -> None:
        """Have a parser that stands at the beginning of that request's body."""
        length = request.content_length
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        self._parser = httptools.HttpRequestParser(self)
        self._is_posing = True
        self._parser.feed_data(f"POST / HTTP/1.1\r\n{framing}\r\n\r\n".encode())
        self._is_posing = False
        self._is_chunked = length is None
