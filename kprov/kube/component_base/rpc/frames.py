"""Encode and decode HTTP/2 frames (RFC 9113, sections 4 and 6)."""

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
MAX_CONCURRENT_STREAMS: Final = 3
MAX_FRAME_SIZE: Final = 5

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: The frame header: length (3 bytes), type, flags, stream identifier (4 bytes).
HEADER_BYTES: Final = 9
#: Values until the peer's SETTINGS change them.
DEFAULT_WINDOW: Final = 65_535
DEFAULT_MAX_FRAME_SIZE: Final = 16_384
MAX_WINDOW: Final = 2**31 - 1

NO_ERROR: Final = 0
CANCEL: Final = 8


class MalformedError(Exception):
    """What came is not HTTP/2."""


def encode_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a whole frame."""
    return encode_header(len(payload), kind, flags, stream) + payload


def encode_header(size: int, kind: int, flags: int, stream: int) -> bytes:
    """Return a frame header, which the payload follows."""
    return size.to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")


def encode_settings(values: dict[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    return encode_frame(
        SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in values.items())
    )


def decode_settings(payload: bytes) -> dict[int, int]:
    """Return the values of a SETTINGS frame. MalformedError."""
    if len(payload) % 6:
        raise MalformedError("SETTINGS of a wrong size")
    return dict(struct.iter_unpack(">HI", payload))


def encode_window_update(stream: int, size: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return encode_frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def encode_rst_stream(stream: int, code: int) -> bytes:
    """Return a RST_STREAM frame."""
    return encode_frame(RST_STREAM, 0, stream, code.to_bytes(4, "big"))


def decode_number(payload: bytes) -> int:
    """Return a WINDOW_UPDATE's increment, a GOAWAY's last stream, a RST_STREAM's error code.

    MalformedError.
    """
    if len(payload) < 4:
        raise MalformedError("a frame that is too short")
    return int.from_bytes(payload[:4], "big")


def strip_padding(flags: int, payload: bytes) -> bytes:
    """Return the payload of DATA or HEADERS without padding and priority. MalformedError."""
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
