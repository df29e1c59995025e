"""A request's head: its request line and its header fields.

Source: RFC 9112, sections 2 and 3; Go's net/http (readRequest, conn.readRequest: texts and limits).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from multidict import CIMultiDict, istr

from kprov.kube.component_base.http11 import framing
from kprov.kube.component_base.http11.fields import (
    TOKEN,
    FieldError,
    FieldNameSpaceError,
    KnownLines,
    parse_fields,
)

_HOST: Final = istr("Host")
_TRAILER: Final = istr("Trailer")
_COMMON_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT"})
_VERSION: Final = re.compile(r"HTTP/([0-9])\.([0-9])")
_HOST_VALUE: Final = re.compile("[A-Za-z0-9!$%&'()*+,.:;=_~\\[\\]-]*")
#: As upstream's server.
_MAX_FIELDS: Final = 500


class HeadError(ValueError):
    """What came is not a request: the status code of the refusal, and text beside the code's phrase."""

    def __init__(self, code: int = 400, text: str = "") -> None:
        super().__init__(text or "malformed HTTP request")
        self.code = code
        self.text = text


@dataclass(slots=True)
class RequestFields:
    """length: of the body, None if it is chunked. version: "1.0", or "1.1" for all later ones."""

    version: str
    headers: CIMultiDict[str]
    length: int | None
    keep_alive: bool


def parse_request_fields(
    text: str, method: str, protocol: str, known_lines: KnownLines | None = None
) -> RequestFields:
    """text: the field lines, the last without its CRLF. HeadError. known_lines: see `parse_fields`."""
    lines = text.split("\r\n") if text else []
    if len(lines) > _MAX_FIELDS:
        raise HeadError(431)
    try:
        headers = parse_fields(lines, known_lines)
    except FieldNameSpaceError as error:
        raise HeadError(text="invalid header name") from error
    except FieldError as error:
        raise HeadError from error
    version = "1.1" if protocol == "HTTP/1.1" else _parse_version(protocol)
    _check_host(headers, method, version)
    keep_alive = framing.is_persistent(headers, version)
    length: int | None = 0
    try:
        if framing.TRANSFER_ENCODING in headers:
            length = _parse_transfer_encoding(headers, version)
            keep_alive = keep_alive and length is None
        elif framing.CONTENT_LENGTH in headers:
            length = framing.parse_content_length(headers)
    except framing.UnknownCodingError as error:
        raise HeadError(501) from error
    except framing.FramingError as error:
        raise HeadError from error
    return RequestFields(version, headers, length, keep_alive)


def check_partial_head(data: bytes, *, has_request_line: bool) -> None:
    """Refuse a head early that can no longer become a request. HeadError.

    data: whole lines. has_request_line: whether the first of them is the request line.
    """
    lines = data.decode("utf-8", "surrogateescape").split("\n")[:-1]
    for number, line in enumerate(lines):
        if not line.endswith("\r"):
            raise HeadError
        if has_request_line and not number:
            parse_request_line(line[:-1])
        elif ":" not in line or line.startswith((" ", "\t")):
            raise HeadError


def parse_request_line(line: str) -> tuple[str, str, str]:
    """Return method, target and protocol. Raise HeadError."""
    parts = line.split(" ")
    if len(parts) != 3:
        raise HeadError
    method, target, protocol = parts
    if method not in _COMMON_METHODS and not TOKEN.fullmatch(method):
        raise HeadError
    if protocol != "HTTP/1.1" and not _VERSION.fullmatch(protocol):
        raise HeadError
    return method, target, protocol


def _parse_version(protocol: str) -> str:
    major, minor = protocol[5], protocol[7]
    if major != "1":
        raise HeadError(505, "unsupported protocol version")
    return "1.0" if minor == "0" else "1.1"


def _check_host(headers: CIMultiDict[str], method: str, version: str) -> None:
    hosts = headers.getall(_HOST, ())
    if len(hosts) > 1:
        raise HeadError
    if not hosts:
        if version != "1.0" and method != "CONNECT":
            raise HeadError(text="missing required Host header")
    elif not _HOST_VALUE.fullmatch(hosts[0]):
        raise HeadError(text="malformed Host header")


def _parse_transfer_encoding(headers: CIMultiDict[str], version: str) -> int | None:
    """Return the body's length: None for chunks; 0 for HTTP/1.0, whose connection has to close."""
    if version == "1.0":
        if framing.CONTENT_LENGTH in headers:
            raise HeadError
        del headers[framing.TRANSFER_ENCODING]
        return 0
    framing.check_chunked(headers)
    announced = {
        name.strip(" \t").lower() for value in headers.getall(_TRAILER, ()) for name in value.split(",")
    }
    if announced & framing.NOT_IN_TRAILERS:
        raise HeadError
    return None
