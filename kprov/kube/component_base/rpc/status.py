"""The status of calls: gRPC's codes, and the error that carries one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote


class Code(enum.IntEnum):
    """gRPC's status codes."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class RpcError(Exception):
    """A call that ended with another status than OK."""

    def __init__(self, code: Code, details: str) -> None:
        super().__init__(f"{code.name}: {details}" if details else code.name)
        self.code = code
        self.details = details


_CODES_BY_NUMBER: Final = {str(code.value): code for code in Code}
#: For responses without grpc-status (gRPC's http-grpc-status-mapping).
_CODES_BY_HTTP_STATUS: Final = {
    "400": Code.INTERNAL,
    "401": Code.UNAUTHENTICATED,
    "403": Code.PERMISSION_DENIED,
    "404": Code.UNIMPLEMENTED,
    "429": Code.UNAVAILABLE,
    "502": Code.UNAVAILABLE,
    "503": Code.UNAVAILABLE,
    "504": Code.UNAVAILABLE,
}
#: For RST_STREAM, by HTTP/2's error code (gRPC's PROTOCOL-HTTP2, "Errors").
_CODES_BY_RESET: Final = {
    0x7: Code.UNAVAILABLE,
    0x8: Code.CANCELLED,
    0xB: Code.RESOURCE_EXHAUSTED,
    0xC: Code.PERMISSION_DENIED,
}


def error_from_trailers(trailers: Mapping[str, str]) -> RpcError | None:
    """Return the error in a response's trailers. None for OK."""
    text = trailers.get("grpc-status")
    if text == "0":
        return None
    if text is None:
        http = trailers.get(":status", "")
        return RpcError(
            _CODES_BY_HTTP_STATUS.get(http, Code.UNKNOWN),
            f"the response has no gRPC status (HTTP status {http})",
        )
    return RpcError(_CODES_BY_NUMBER.get(text, Code.UNKNOWN), unquote(trailers.get("grpc-message", "")))


def error_from_reset(code: int) -> RpcError:
    """Return the error for a stream that the server reset."""
    return RpcError(
        _CODES_BY_RESET.get(code, Code.INTERNAL), f"the server reset the call with HTTP/2 error {code}"
    )
