"""HTTP/2's frames as bytes (RFC 9113, sections 4 and 6)."""

from __future__ import annotations

import struct
from typing import Final

DATA: Final = 0
HEADERS: Final = 1
RST_STREAM: Final = 3
SETTINGS: Final = 4
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Of every frame: length (3 bytes), type, flags, stream (4 bytes).
HEAD_BYTES: Final = 9
#: Windows and frames before settings say otherwise.
DEFAULT_WINDOW: Final = 65_535
DEFAULT_FRAME: Final = 16_384
LARGEST_WINDOW: Final = 2**31 - 1

NO_ERROR: Final = 0
CANCEL: Final = 8
FRAME_SIZE_ERROR: Final = 6
PROTOCOL_ERROR: Final = 1


class MalformedError(Exception):
    """What came is no HTTP/2."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return head(len(payload), kind, flags, stream) + payload


def head(size: int, kind: int, flags: int, stream: int) -> bytes:
    """A frame's head, its payload follows."""
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")


def settings(values: dict[int, int]) -> bytes:
    """A SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in values.items()))


def read_settings(payload: bytes) -> dict[int, int]:
    """What a SETTINGS frame says. Raises MalformedError."""
    if len(payload) % 6:
        raise MalformedError("SETTINGS of a wrong size")
    return dict(struct.iter_unpack(">HI", payload))


def window_update(stream: int, size: int) -> bytes:
    """A WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def reset(stream: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def number(payload: bytes) -> int:
    """A WINDOW_UPDATE's size, a GOAWAY's last stream, a RST_STREAM's code. Raises MalformedError."""
    if len(payload) < 4:
        raise MalformedError("a frame that is too short")
    return int.from_bytes(payload[:4], "big")


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload of DATA or HEADERS without padding and priority. Raises MalformedError."""
    padding = 0
    if flags & PADDED:
        if not payload:
            raise MalformedError("padding without its length")
        padding, payload = payload[0], payload[1:]
    if flags & PRIORITY:
        payload = payload[5:]
    if padding > len(payload):
        raise MalformedError("more padding than payload")
    return payload[: len(payload) - padding]
