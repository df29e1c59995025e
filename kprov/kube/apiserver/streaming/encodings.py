"""gzip between this server and a backend, without the client.

Source: Go's net/http (Transport.DisableCompression, gzipReader).
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

_GZIP: Final = 31
#: The maximum size of one decompressed piece: gzip expands up to a thousand times.
_PIECE: Final = 256 * 1024


class InvalidGzipError(ValueError):
    """The body is not valid gzip, or ends early."""


def accepts_gzip(method: str, headers: Mapping[str, str]) -> bool:
    """Whether to request gzip: the client has neither Accept-Encoding nor Range."""
    return method != "HEAD" and "Accept-Encoding" not in headers and "Range" not in headers


async def decompress(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Decompress one or several gzip members. Raise InvalidGzipError."""
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
