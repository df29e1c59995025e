"""gzip between this server and a backend, of which the client knows nothing.

Source: Go's net/http (Transport.DisableCompression, gzipReader).
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

_GZIP: Final = 31
#: So much is unpacked at once: what is packed may be a thousand times as long.
_PIECE: Final = 256 * 1024


class InvalidGzipError(ValueError):
    """What a backend calls gzip is none, or ends early."""


def accepts_gzip(method: str, headers: Mapping[str, str]) -> bool:
    """Whether gzip is asked for on the way, since the client has said nothing of encodings and parts."""
    return method != "HEAD" and "Accept-Encoding" not in headers and "Range" not in headers


async def decompress(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The bytes within one gzip member or several. BrokenError."""
    reader = zlib.decompressobj(_GZIP)
    try:
        async for piece in pieces:
            data = piece
            while data:
                if reader.eof:
                    reader = zlib.decompressobj(_GZIP)
                yield reader.decompress(data, _PIECE)
                data = reader.unconsumed_tail or reader.unused_data
            while not reader.eof and (rest := reader.decompress(b"", _PIECE)):
                yield rest
    except zlib.error as error:
        raise InvalidGzipError(str(error)) from error
    if not reader.eof:
        raise InvalidGzipError("unexpected EOF")
