"""Compressed bodies of backends, decompressed piece by piece.

Source: Go's net/http (Transport.DisableCompression, gzipReader).
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Final

#: zlib's window bits of gzip.
GZIP: Final = 31
#: The maximum size of one decompressed piece: gzip expands up to a thousand times.
_PIECE: Final = 64 * 1024


class InvalidEncodingError(ValueError):
    """The body does not have the encoding of its header, or ends early."""


def accepts_gzip(method: str, headers: Mapping[str, str]) -> bool:
    """Whether to request gzip: the client has neither Accept-Encoding nor Range."""
    return method != "HEAD" and "Accept-Encoding" not in headers and "Range" not in headers


async def decompress(pieces: AsyncIterator[bytes], window: int = GZIP) -> AsyncIterator[bytes]:
    """Decompress one or several members, in pieces of at most 64 KiB. window: zlib's window bits.

    The event loop handles other requests between two pieces. Raise InvalidEncodingError.
    """
    reader = zlib.decompressobj(window)
    try:
        async for piece in pieces:
            data = piece
            while data:
                if reader.eof:
                    reader = zlib.decompressobj(window)
                yield reader.decompress(data, _PIECE)
                await asyncio.sleep(0)
                data = reader.unconsumed_tail or reader.unused_data
            while not reader.eof and (rest := reader.decompress(b"", _PIECE)):
                yield rest
                await asyncio.sleep(0)
    except zlib.error as error:
        raise InvalidEncodingError(str(error)) from error
    if not reader.eof:
        raise InvalidEncodingError("unexpected EOF")
