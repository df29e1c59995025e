"""Frames between the operator and the agent: a length-prefixed JSON header and raw bytes.

A frame is `>IQ` (bytes of the header, bytes of the body), the header, the body. Ends of stream are EOFError.

| from | header | meaning |
|---|---|---|
| operator | `message`, `module`, `items`, `check`, `diff`, `blobs` | run this; the body has small contents |
| operator | `content`, `end`, `sums` | a chunk of the requested content; checksums with the last one |
| operator | `find_out`, `message` | return the outcome of that message of an earlier session |
| operator | `bye` | end at once |
| operator | `alive` | answer with `alive` |
| agent | `results` | the answer, one result an item |
| agent | `need` | send the content with this SHA-256 |
| agent | `waiting` | why the message has not started yet |
| agent | `outcome` | `absent`, `running` (more follows), `done` or `died` with `results` until there |
"""

from __future__ import annotations

import json
import struct
from typing import Any, BinaryIO

HEAD = struct.Struct(">IQ")
#: Contents above this size are sent only on request.
INLINE_BYTES = 65536
#: Size of the chunks of a large content.
CHUNK_BYTES = 1 << 18
#: Modules that change nothing. They can run again, so they need no stored outcome and no host lock.
READING = frozenset(
    ("ping", "setup", "stat", "slurp", "find", "wait_for", "service_facts", "package_facts", "getent")
)


def is_changing(header: dict[str, Any]) -> bool:
    """Whether a message can change the host."""
    return not header.get("check") and header["module"] not in READING


def encode_frame(header: dict[str, Any], body: bytes = b"") -> bytes:
    """Encode one frame."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return HEAD.pack(len(text), len(body)) + text + body


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Read exactly `size` bytes of a stream; EOFError if it ends before."""
    part = stream.read(size)
    if len(part) == size:
        return part
    parts = [part]
    size -= len(part)
    while size > 0:
        part = stream.read(size)
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_frame(stream: BinaryIO) -> tuple[dict[str, Any], bytes]:
    """Read the next frame of a stream."""
    header_size, body_size = HEAD.unpack(read_exactly(stream, HEAD.size))
    header = json.loads(read_exactly(stream, header_size))
    return header, read_exactly(stream, body_size)
