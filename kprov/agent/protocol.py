"""Frames between the operator and the agent: a length-prefixed JSON header and raw bytes.

A frame is `>IQ` (bytes of the header, bytes of the body), the header, the body. Ends of stream are EOFError.
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

HEAD = struct.Struct(">IQ")
#: A content larger than this stays with the operator until the agent asks for it.
INLINE_BYTES = 65536
#: Pieces in which a large content travels.
CHUNK_BYTES = 1 << 20


def encode(header: dict[str, Any], body: bytes = b"") -> bytes:
    """One frame as bytes."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return HEAD.pack(len(text), len(body)) + text + body


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Exactly `size` bytes of a stream; EOFError when it ends before."""
    parts = []
    while size > 0:
        part = stream.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """The next frame of a stream."""
    header_size, body_size = HEAD.unpack(read_exactly(stream, HEAD.size))
    header = json.loads(read_exactly(stream, header_size))
    return header, read_exactly(stream, body_size)
