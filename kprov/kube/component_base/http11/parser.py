"""The parser of the requests on one connection."""

from __future__ import annotations

import re
from typing import Final, Protocol

from kprov.kube.component_base.http11.body import Body, BrokenBodyError
from kprov.kube.component_base.http11.chunks import ChunkedDecoder
from kprov.kube.component_base.http11.fields import KnownLines
from kprov.kube.component_base.http11.head import (
    HeadError,
    RequestFields,
    check_partial_head,
    parse_request_fields,
    parse_request_line,
)
from kprov.kube.component_base.http11.request import Request, RequestConnection

#: Go's http.DefaultMaxHeaderBytes and the buffer of its reader.
MAX_HEAD_BYTES: Final = (1 << 20) + 4096

#: What parts the members of Expect, as Go sees them.
_SEPARATORS: Final = re.compile(r"[ ,\t]+")
_CRLF: Final = b"\r\n"
_END_OF_HEAD: Final = b"\r\n\r\n"
#: Some clients send an empty line after the body of a POST (RFC 9112, 2.2).
_MAX_EMPTY_LINES: Final = 2


class ParserConnection(RequestConnection, Protocol):
    """The connection that feeds the parser and gets its requests."""

    def data_received(self, data: bytes) -> None: ...

    def pause_reading(self, on: bool) -> None: ...

    def on_request(self, request: Request) -> None: ...

    def on_bad_request(self, error: HeadError) -> None: ...

    def send_continue(self) -> None: ...

    def start_tunnel(self, data: bytes) -> None: ...


class RequestParser:
    """Parses what a connection feeds it and calls back. in_head: a part of a head has come, but not all."""

    def __init__(self, connection: ParserConnection, request_class: type[Request]) -> None:
        self._connection = connection
        self._request_class = request_class
        #: No more requests: ignore what comes.
        self._is_stopped = False
        self._last_request: Request | None = None
        #: Of the current body: bytes that have not come, or the decoder of its chunks.
        self._body_left = 0
        self._chunks: ChunkedDecoder | None = None
        #: The part of a head that has come, and how much of it `check_partial_head` has checked.
        self._partial_head = bytearray()
        self._checked_bytes = 0
        #: Clients send the same fields again and again: method, protocol and field lines of the last head,
        #: and what they were parsed to.
        self._last_lines = ("", "", b"")
        self._last_fields: RequestFields
        #: From the second head on. The connection of a watch has only one.
        self._known_lines: KnownLines | None = None
        self.in_head = False

    def feed(self, data: bytes) -> None:
        while data and not self._is_stopped:
            if self._body_left:
                data = self._feed_body(data)
            elif self._chunks is not None:
                data = self._feed_chunks(self._chunks, data)
            else:
                data = self._feed_head(data)

    def resume(self, data: bytes) -> None:
        """Go on after a request whose upgrade the server ignored. data: came behind that request."""
        self._is_stopped = False
        if data:
            self._connection.data_received(data)

    def end(self, error: Exception) -> None:
        """Handle that the connection is lost. error: raised to whoever reads an unfinished body."""
        if self._last_request is not None and not self._last_request.body.has_ended:
            self._last_request.body.end(error)

    def _feed_head(self, data: bytes) -> bytes:
        """Return what follows the head in data, b"" while the head is not complete."""
        partial = self._partial_head
        if partial and partial[:1] != b"\r":
            known = max(len(partial) - 3, 0)
            partial += data
            end = partial.find(_END_OF_HEAD, known)
            if end < 0:
                self._check_partial_head()
                return b""
            data = bytes(partial)
            partial.clear()
        else:
            if partial:  # half of an empty line
                data = bytes(partial) + data
                partial.clear()
                self.in_head = False
            if data[0] in _CRLF and not (data := self._skip_empty_lines(data)):
                return b""
            end = data.find(_END_OF_HEAD)
            if end < 0:
                partial += data
                self._checked_bytes = 0
                self.in_head = True
                self._check_partial_head()
                return b""
        self.in_head = False
        if end > MAX_HEAD_BYTES:
            self._refuse(HeadError(431))
            return b""
        try:
            self._parse_head(data, end)
        except HeadError as error:
            self._refuse(error)
            return b""
        except ValueError:
            self._refuse(HeadError())
            return b""
        rest = data[end + 4 :]
        if self._is_stopped:
            # The client asks for another protocol, and may speak it already.
            self._connection.start_tunnel(rest)
            return b""
        return rest

    def _skip_empty_lines(self, data: bytes) -> bytes:
        if self._last_request is not None and self._last_request.method == "POST":
            for _ in range(_MAX_EMPTY_LINES):
                data = data.removeprefix(_CRLF)
            if data == b"\r":
                self._partial_head += data
                self.in_head = True
                return b""
            if data[:1] not in {b"\r", b"\n"}:
                return data
        self._refuse(HeadError())
        return b""

    def _check_partial_head(self) -> None:
        """Refuse what can no longer become a head."""
        partial, checked = self._partial_head, self._checked_bytes
        end = partial.rfind(b"\n") + 1
        if end > checked:
            try:
                check_partial_head(bytes(partial[checked:end]), has_request_line=not checked)
            except HeadError as error:
                self._refuse(error)
                return
            self._checked_bytes = end
        if len(partial) > MAX_HEAD_BYTES:
            self._refuse(HeadError(431))

    def _parse_head(self, data: bytes, end: int) -> None:
        """Hand a request on. end: of the last field line. HeadError, ValueError: it is not a request."""
        line_end = data.find(_CRLF, 0, end + 2)
        method, target, protocol = parse_request_line(data[:line_end].decode("utf-8", "surrogateescape"))
        block = data[line_end + 2 : end]
        lines = (method, protocol, block)
        if lines != self._last_lines:
            if self._known_lines is None and self._last_request is not None:
                self._known_lines = {}
            self._last_fields = parse_request_fields(
                block.decode("utf-8", "surrogateescape"), method, protocol, self._known_lines
            )
            self._last_lines = lines
        fields = self._last_fields
        headers = fields.headers.copy()
        body = Body(self._connection.pause_reading)
        request = self._request_class(
            method,
            target,
            headers,
            body=body,
            connection=self._connection,
            version=fields.version,
            keep_alive=fields.keep_alive,
        )
        has_body = fields.length != 0
        if "Expect" in headers:
            self._check_expectation(request, has_body=has_body)
        self._last_request = request
        if fields.length is None:
            self._chunks = ChunkedDecoder(body.feed)
        elif has_body:
            self._body_left = fields.length
        else:
            body.end()
            # A request with a body asks for no other protocol.
            self._is_stopped = method == "CONNECT" or ("Upgrade" in headers and bool(request.upgrade))
        self._connection.on_request(request)

    def _check_expectation(self, request: Request, *, has_body: bool) -> None:
        """HeadError 417: an expectation other than 100-continue."""
        text = request.headers["Expect"].lower()
        if text and "100-continue" not in _SEPARATORS.split(text):
            raise HeadError(417)
        if text and has_body and request.version != "1.0":
            request.body.on_first_read = self._connection.send_continue

    def _feed_body(self, data: bytes) -> bytes:
        assert self._last_request is not None
        body = self._last_request.body
        left = self._body_left
        rest = b""
        if len(data) > left:
            data, rest = data[:left], data[left:]
        self._body_left = left - len(data)
        body.feed(data)
        if not self._body_left:
            body.end()
        return rest

    def _feed_chunks(self, chunks: ChunkedDecoder, data: bytes) -> bytes:
        assert self._last_request is not None
        try:
            rest = chunks.feed(data)
        except BrokenBodyError as error:
            # Whoever reads the body gets the error and answers with it.
            self._is_stopped = True
            self._last_request.keep_alive = False
            self._last_request.body.end(error)
            return b""
        if rest is None:
            return b""
        self._chunks = None
        self._last_request.body.end()
        return rest

    def _refuse(self, error: HeadError) -> None:
        self._is_stopped = True
        self.in_head = False
        self._partial_head.clear()
        if self._last_request is None or self._last_request.keep_alive:
            self._connection.on_bad_request(error)
