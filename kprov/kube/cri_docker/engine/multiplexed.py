"""Output of a process without terminal: frames of stdout and stderr in one stream.

Source: Docker Engine API, "Stream format" of attach: stream (1 byte), 3 zeros, size (4 bytes), data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

STDOUT: Final = 1
STDERR: Final = 2
_HEADER_BYTES: Final = 8


class FrameDecoder:
    """Fed with pieces of any size."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (stream, data) of each frame that is complete."""
        buffer = self._buffer
        buffer += piece
        at = 0
        while len(buffer) - at >= _HEADER_BYTES:
            end = at + _HEADER_BYTES + int.from_bytes(buffer[at + 4 : at + _HEADER_BYTES], "big")
            if end > len(buffer):
                break
            yield buffer[at], bytes(buffer[at + _HEADER_BYTES : end])
            at = end
        del buffer[:at]
