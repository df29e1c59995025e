"""The parser of one response that a pooled connection receives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from kprov.kube.component_base.http11.body import Body
from kprov.kube.component_base.http11.chunks import ChunkedDecoder
from kprov.kube.component_base.http11.response_head import (
    MAX_HEAD_BYTES,
    MAX_INTERIM,
    ResponseError,
    ResponseHead,
    parse_response_head,
)

_END_OF_HEAD: Final = b"\r\n\r\n"
_PROTOCOL: Final = b"HTTP/1."
_SWITCHING_PROTOCOLS: Final = 101


class TruncatedResponseError(ConnectionResetError):
    """The connection closed within a response."""


class ResponseParser:
    """Fed with what arrives, in any pieces. Skips 1xx responses."""

    __slots__ = (
        "_chunks",
        "_interim",
        "_left",
        "_method",
        "_partial_head",
        "body",
        "head",
        "is_complete",
    )

    def __init__(self, method: str, pause: Callable[[bool], None]) -> None:
        """Take the method of the request. pause: see `Body`."""
        self._method = method
        self.body = Body(pause)
        #: None until it is complete.
        self.head: ResponseHead | None = None
        self.is_complete = False
        self._partial_head = b""
        self._interim = 0
        self._chunks: ChunkedDecoder | None = None
        #: Bytes of the body that have not come. None: it ends with the connection.
        self._left: int | None = None

    def feed(self, data: bytes) -> bytes:
        """Return the bytes behind the end of the response. ResponseError, BrokenBodyError."""
        if self.head is None:
            data = self._feed_head(data)
            if self.head is None:
                return b""
        if self._chunks is not None:
            rest = self._chunks.feed(data)
            if rest is None:
                return b""
            self._complete()
            return rest
        if self._left is None:
            if data:
                self.body.feed(data)
            return b""
        return self._feed_length(data, self._left)

    def end(self, error: OSError | None) -> None:
        """Handle that the connection is closed. error: why, None if the server closed it.

        Whoever reads an incomplete body gets an error.
        """
        if self.body.has_ended:
            return
        is_end = error is None and self.head is not None and self._chunks is None and self._left is None
        if is_end:
            self.is_complete = True
        self.body.end(None if is_end else error or TruncatedResponseError("unexpected EOF"))

    def _feed_head(self, data: bytes) -> bytes:
        """Return what follows the head. Sets `head` if that is complete."""
        data = self._partial_head + data
        self._partial_head = b""
        while True:
            if data[: len(_PROTOCOL)] != _PROTOCOL[: len(data)]:
                # Another protocol may never send the end of a head.
                parse_response_head([data[:80].decode("utf-8", "surrogateescape")])
            end = data.find(_END_OF_HEAD)
            if end > MAX_HEAD_BYTES or (end < 0 and len(data) > MAX_HEAD_BYTES):
                raise ResponseError("response header is too large")
            if end < 0:
                self._partial_head = data
                return b""
            head = parse_response_head(data[:end].decode("utf-8", "surrogateescape").split("\r\n"))
            data = data[end + len(_END_OF_HEAD) :]
            if head.status == _SWITCHING_PROTOCOLS:
                raise ResponseError("unexpected 101 Switching Protocols")
            if head.status >= 200:
                self._start_body(head)
                return data
            self._interim += 1
            if self._interim > MAX_INTERIM:
                raise ResponseError("too many 1xx informational responses")

    def _start_body(self, head: ResponseHead) -> None:
        self.head = head
        if self._method == "HEAD":
            self._left = 0
        elif head.is_chunked:
            self._chunks = ChunkedDecoder(self.body.feed)
        else:
            self._left = head.length

    def _feed_length(self, data: bytes, left: int) -> bytes:
        piece, rest = (data, b"") if len(data) <= left else (data[:left], data[left:])
        if piece:
            self.body.feed(piece)
        self._left = left - len(piece)
        if not self._left:
            self._complete()
        return rest

    def _complete(self) -> None:
        self.is_complete = True
        self.body.end()
