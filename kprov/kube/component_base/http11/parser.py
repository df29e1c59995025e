"""Requests out of the bytes of one connection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kprov.kube.component_base.http11 import head as heads
from kprov.kube.component_base.http11.body import Body, BrokenBodyError
from kprov.kube.component_base.http11.chunks import Chunks
from kprov.kube.component_base.http11.head import HeadError
from kprov.kube.component_base.http11.request import Request

if TYPE_CHECKING:
    from kprov.kube.component_base.http11.connection import Connection

#: Of a request's head: Go's http.DefaultMaxHeaderBytes and its reader's buffer.
HEAD_BYTES: Final = (1 << 20) + 4096

_SEPARATORS: Final = re.compile(r"[ ,\t]+")
_LINE_ENDS: Final = b"\r\n"
#: Some clients send an empty line after a body that they POST.
_TOLERATED: Final = 4


class Parser:
    """Feed it; it tells the connection. in_head: some of a head has come, but not all."""

    def __init__(self, connection: Connection, request_class: type[Request]) -> None:
        self._connection = connection
        self._request_class = request_class
        #: No more requests: what comes is not looked at.
        self._is_deaf = False
        self._last: Request | None = None
        #: Of a body: how much is to come, or how it comes.
        self._left = 0
        self._chunks: Chunks | None = None
        #: What has come of a head, and up to where its lines are known to be good.
        self._begun = bytearray()
        self._checked = 0
        #: Clients send the same again and again: method, protocol and the other lines of the last head.
        self._same = ("", "", b"")
        self._fields: heads.Fields
        self.in_head = False

    def feed(self, data: bytes) -> None:
        while data and not self._is_deaf:
            if self._left:
                data = self._counted(data)
            elif self._chunks is not None:
                data = self._chunked(self._chunks, data)
            else:
                data = self._head(data)

    def resume(self, data: bytes) -> None:
        """After a protocol that was not switched to: data is HTTP again."""
        self._is_deaf = False
        if data:
            self._connection.data_received(data)

    def end(self, error: Exception) -> None:
        """There comes no more; error: what who reads a body is told."""
        if self._last is not None and not self._last.body.ended:
            self._last.body.end(error)

    def _head(self, data: bytes) -> bytes:
        """What follows the head in data, b"" while it is not there as a whole."""
        if self.in_head:
            begun = self._begun
            known = max(len(begun) - 2, 0)
            begun += data
            start, end = _end_of_head(begun, known)
            if start < 0:
                self._wait_for_more()
                return b""
            data = bytes(begun)
            begun.clear()
        else:
            if data[0] in _LINE_ENDS and not (data := self._after_empty_line(data)):
                return b""
            start, end = _end_of_head(data)
            if start < 0:
                self._begun += data
                self._checked = 0
                self.in_head = True
                self._wait_for_more()
                return b""
        self.in_head = False
        if start > HEAD_BYTES:
            self._refuse(HeadError(431))
            return b""
        try:
            self._take(data, start)
        except HeadError as error:
            self._refuse(error)
            return b""
        except ValueError:
            self._refuse(HeadError())
            return b""
        rest = data[end:]
        if self._is_deaf:
            # The request asks for another protocol, of which this may be the first.
            self._connection.switched(rest)
            return b""
        return rest

    def _after_empty_line(self, data: bytes) -> bytes:
        if self._last is None or self._last.method != "POST":
            self._refuse(HeadError())
            return b""
        return data[:_TOLERATED].lstrip(_LINE_ENDS) + data[_TOLERATED:]

    def _wait_for_more(self) -> None:
        """Refuse what can become no head any more."""
        begun = self._begun
        end = begun.rfind(b"\n") + 1
        if end > self._checked:
            try:
                heads.check_begun(bytes(begun[self._checked : end]), is_first=not self._checked)
            except HeadError as error:
                self._refuse(error)
                return
            self._checked = end
        if len(begun) > HEAD_BYTES:
            self._refuse(HeadError(431))

    def _take(self, data: bytes, end: int) -> None:
        """A whole head up to its last line's feed: its request goes on. HeadError, ValueError: it is none."""
        first = data.find(b"\n", 0, end + 1)
        line = data[:first].decode("utf-8", "surrogateescape").removesuffix("\r")
        method, target, proto = heads.request_line(line)
        block = data[first + 1 : end].removesuffix(b"\r")
        of_what = (method, proto, block)
        if of_what != self._same:
            self._fields = heads.fields(block.decode("utf-8", "surrogateescape"), method, proto)
            self._same = of_what
        found = self._fields
        headers = found.headers.copy()
        body = Body(self._connection.pause)
        request = self._request_class(
            method,
            target,
            headers,
            body=body,
            connection=self._connection,
            version=found.version,
            keep_alive=found.keep_alive,
        )
        has_body = found.length != 0
        if "Expect" in headers:
            self._expect(request, has_body=has_body)
        self._last = request
        if found.length is None:
            self._chunks = Chunks(body.feed)
        elif has_body:
            self._left = found.length
        else:
            body.end()
            # Nobody asks for another protocol with a body.
            self._is_deaf = method == "CONNECT" or ("Upgrade" in headers and bool(request.upgrade))
        self._connection.requested(request)

    def _expect(self, request: Request, *, has_body: bool) -> None:
        """HeadError: it is not the expectation that there is, or none."""
        text = request.headers["Expect"].lower()
        if text and "100-continue" not in _SEPARATORS.split(text):
            raise HeadError(417)
        if text and has_body and request.version != "1.0":
            request.body.on_first_read = self._connection.leave_to_send

    def _counted(self, data: bytes) -> bytes:
        assert self._last is not None
        body = self._last.body
        left = self._left
        rest = b""
        if len(data) > left:
            data, rest = data[:left], data[left:]
        self._left = left - len(data)
        body.feed(data)
        if not self._left:
            body.end()
        return rest

    def _chunked(self, chunks: Chunks, data: bytes) -> bytes:
        assert self._last is not None
        try:
            rest = chunks.feed(data)
        except BrokenBodyError as error:
            # Its handler answers, told why.
            self._is_deaf = True
            self._last.keep_alive = False
            self._last.body.end(error)
            return b""
        if rest is None:
            return b""
        self._chunks = None
        self._last.body.end()
        return rest

    def _refuse(self, error: HeadError) -> None:
        self._is_deaf = True
        self.in_head = False
        self._begun.clear()
        if self._last is None or self._last.keep_alive:
            self._connection.refused(error)


def _end_of_head(data: bytes | bytearray, start: int = 0) -> tuple[int, int]:
    """Where its last line's feed stands (-1: nowhere), and where what follows begins."""
    # A line feed alone ends a line, too.
    found = data.find(b"\n\r\n", start)
    alone = data.find(b"\n\n", start, found + 1 if found >= 0 else len(data))
    return (alone, alone + 2) if alone >= 0 else (found, found + 3)
