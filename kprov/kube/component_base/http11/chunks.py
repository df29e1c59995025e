"""A body that comes in chunks, read as strictly as Go's server reads it.

Source: RFC 9112, 7.1; Go's net/http/internal/chunked.go, net/http/transfer.go (limits, words of refusals).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Final

from kprov.kube.component_base.http11.body import BrokenBodyError

#: A line with its end, and all trailers with theirs, have to be in Go's buffer as a whole.
_BUFFER_BYTES: Final = 4096
#: What may come beside data is this, so much for each chunk, and twice the data.
_EXTRA_BYTES: Final = 16 * 1024
_EXTRA_OF_CHUNK: Final = 16
_SIZE_DIGITS: Final = 16
_SIZE: Final = re.compile(rb"[0-9A-Fa-f]+")
_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z -]+")
_NO_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class Chunks:
    """Feed it; it gives the data on."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._kept = b""
        #: Of the chunk that is being read; None between two.
        self._left: int | None = None
        self._is_trailer = False
        self._extra = 0

    def feed(self, data: bytes) -> bytes | None:
        """What follows the body; None: it is not at its end. BrokenBodyError."""
        data, at = self._kept + data, 0
        while not self._is_trailer:
            if self._left:
                piece = data[at : at + self._left]
                if not piece:
                    break
                self._take(piece)
                self._left -= len(piece)
                at += len(piece)
            elif self._left == 0:
                if len(data) - at < 2:
                    break
                if not data.startswith(b"\r\n", at):
                    raise BrokenBodyError("malformed chunked encoding")
                self._left = None
                at += 2
            else:
                end = data.find(b"\n", at, at + _BUFFER_BYTES) + 1
                if not end:
                    if len(data) - at >= _BUFFER_BYTES:
                        raise BrokenBodyError("header line too long")
                    break
                self._begin(data[at:end])
                at = end
        self._kept = data[at:]
        return self._rest() if self._is_trailer else None

    def _begin(self, line: bytes) -> None:
        """line: before a chunk, with its end."""
        carriage = line.find(b"\r")
        if carriage < 0:
            raise BrokenBodyError("chunked line ends with bare LF")
        if carriage != len(line) - 2:
            raise BrokenBodyError("invalid CR in chunked line")
        text = line[:-2].rstrip(b" \t").partition(b";")[0]
        if not text:
            raise BrokenBodyError("empty hex number for chunk length")
        if not _SIZE.fullmatch(text[: _SIZE_DIGITS + 1]):
            raise BrokenBodyError("invalid byte in chunk length")
        if len(text) > _SIZE_DIGITS:
            raise BrokenBodyError("http chunk length too large")
        size = int(text, 16)
        self._extra = max(self._extra + len(line) - _EXTRA_OF_CHUNK - 2 * size, 0)
        if self._extra > _EXTRA_BYTES:
            raise BrokenBodyError("chunked encoding contains too much non-data")
        if size:
            self._left = size
        else:
            self._is_trailer = True

    def _rest(self) -> bytes | None:
        """Trailers are looked at and passed over."""
        data = self._kept
        if data.startswith(b"\r\n"):
            return data[2:]
        end = data.find(b"\r\n\r\n", 0, _BUFFER_BYTES)
        if end < 0:
            if len(data) >= _BUFFER_BYTES:
                raise BrokenBodyError("http: suspiciously long trailer after chunked body")
            return None
        _check_trailers(data[:end])
        return data[end + 4 :]


def _check_trailers(section: bytes) -> None:
    for number, line in enumerate(section.split(b"\n")):
        text = line.removesuffix(b"\r")
        shown = text.decode("utf-8", "replace")
        if text.startswith((b" ", b"\t")):
            if not number:
                raise BrokenBodyError(f"malformed MIME header initial line: {shown}")
            continue
        name, colon, value = text.partition(b":")
        if not colon:
            raise BrokenBodyError(f"malformed MIME header: missing colon: {json.dumps(shown)}")
        if not _NAME.fullmatch(name) or _NO_VALUE.search(value):
            raise BrokenBodyError(f"malformed MIME header line: {shown}")
