"""A body with the transfer coding chunked.

Source: RFC 9112, section 7.1; Go's net/http (internal/chunked.go, transfer.go: limits, error texts).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from kprov.kube.component_base.http11.body import BrokenBodyError
from kprov.kube.component_base.http11.fields import FieldError, parse_fields
from kprov.kube.component_base.http11.framing import NOT_IN_TRAILERS

#: Limit of a chunk's first line with its CRLF, and of all trailers with theirs: the size of Go's buffer.
_MAX_LINE_BYTES: Final = 4096
#: Limit of all that is not data: so many bytes, and beside them 16 for each chunk and twice its data.
_MAX_OVERHEAD_BYTES: Final = 16 * 1024
_FREE_OVERHEAD_BYTES: Final = 16
_MAX_SIZE_DIGITS: Final = 16
_MAX_SIZE: Final = (1 << 63) - 1
#: A first line without extensions.
_PLAIN_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]+")
_TOKEN: Final = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
#: What follows the first semicolon.
_EXTENSIONS: Final = re.compile(
    rb"[ \t]*%(token)b(?:[ \t]*=[ \t]*(?:%(token)b|%(quoted)b))?"
    rb"(?:[ \t]*;[ \t]*%(token)b(?:[ \t]*=[ \t]*(?:%(token)b|%(quoted)b))?)*"
    % {b"token": _TOKEN, b"quoted": _QUOTED}
)
_CRLF: Final = b"\r\n"


class ChunkedDecoder:
    """Decodes a body that is fed in any pieces. Checks its trailers and drops them."""

    def __init__(self, on_data: Callable[[bytes], None]) -> None:
        self._on_data = on_data
        self._buffer = b""
        #: Bytes of the current chunk that have not come. None: its first line has not come.
        self._left: int | None = None
        self._in_trailers = False
        self._overhead = 0

    def feed(self, data: bytes) -> bytes | None:
        """Return the bytes behind the body's end. None: the end has not come. BrokenBodyError."""
        data, at = self._buffer + data if self._buffer else data, 0
        while not self._in_trailers:
            if self._left is None:
                end = self._start_chunk(data, at)
            elif self._left:
                end = self._pass_data(data, at)
            else:
                end = self._skip_data_end(data, at)
            if end == at:
                break
            at = end
        self._buffer = data[at:]
        return self._skip_trailers() if self._in_trailers else None

    # Each step returns the position behind what it has read: the same if something is missing.

    def _start_chunk(self, data: bytes, at: int) -> int:
        plain = _PLAIN_SIZE.match(data, at)
        if plain is not None:
            end, size = plain.end(), int(plain[1], 16)
        else:
            end = data.find(b"\n", at, at + _MAX_LINE_BYTES) + 1
            if not end:
                if len(data) - at >= _MAX_LINE_BYTES:
                    raise BrokenBodyError("header line too long")
                return at
            size = _parse_size(data[at:end])
        self._overhead += end - at - _FREE_OVERHEAD_BYTES - 2 * size
        if self._overhead < 0:
            self._overhead = 0
        elif self._overhead > _MAX_OVERHEAD_BYTES:
            raise BrokenBodyError("chunked encoding contains too much non-data")
        if size:
            self._left = size
        else:
            self._in_trailers = True
        return end

    def _pass_data(self, data: bytes, at: int) -> int:
        assert self._left is not None
        piece = data[at : at + self._left]
        if piece:
            self._on_data(piece)
            self._left -= len(piece)
        return at + len(piece)

    def _skip_data_end(self, data: bytes, at: int) -> int:
        if data.startswith(_CRLF, at):
            self._left = None
            return at + 2
        if len(data) - at >= 2:
            raise BrokenBodyError("malformed chunked encoding")
        return at

    def _skip_trailers(self) -> bytes | None:
        data = self._buffer
        if data.startswith(_CRLF):
            return data[2:]
        end = data.find(b"\r\n\r\n", 0, _MAX_LINE_BYTES)
        if end < 0:
            if len(data) >= _MAX_LINE_BYTES:
                raise BrokenBodyError("http: suspiciously long trailer after chunked body")
            _check_line_ends(data)
            return None
        _check_line_ends(data[:end])
        _check_trailers(data[:end])
        return data[end + 4 :]


def _parse_size(line: bytes) -> int:
    carriage = line.find(b"\r")
    if carriage < 0:
        raise BrokenBodyError("chunked line ends with bare LF")
    if carriage != len(line) - 2:
        raise BrokenBodyError("invalid CR in chunked line")
    digits, semicolon, extensions = line[:-2].partition(b";")
    if not digits:
        raise BrokenBodyError("empty hex number for chunk length")
    if not _SIZE.fullmatch(digits[: _MAX_SIZE_DIGITS + 1]):
        raise BrokenBodyError("invalid byte in chunk length")
    if len(digits) > _MAX_SIZE_DIGITS or (size := int(digits, 16)) > _MAX_SIZE:
        raise BrokenBodyError("http chunk length too large")
    if semicolon and not _EXTENSIONS.fullmatch(extensions):
        raise BrokenBodyError("invalid chunk extension")
    return size


def _check_line_ends(data: bytes) -> None:
    if data.count(b"\n") != data.count(_CRLF):
        raise BrokenBodyError("trailer line ends with bare LF")


def _check_trailers(section: bytes) -> None:
    try:
        trailers = parse_fields(section.decode("utf-8", "surrogateescape").split("\r\n"))
    except FieldError as error:
        raise BrokenBodyError(str(error)) from error
    for name in trailers:
        if name.lower() in NOT_IN_TRAILERS:
            raise BrokenBodyError(f"{name} is not allowed in trailers")
