"""The head of a response: its status line and its header fields.

Source: RFC 9112, sections 4, 6 and 9; Go's net/http (ReadResponse: error texts).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from multidict import CIMultiDict

from kprov.kube.component_base.http11 import framing
from kprov.kube.component_base.http11.fields import FieldError, parse_fields

MAX_HEAD_BYTES: Final = 64 * 1024
#: 1xx responses before the final one, as Go's client.
MAX_INTERIM: Final = 5
_STATUS_LINE: Final = re.compile("HTTP/1\\.([0-9]) ([1-9][0-9]{2})(?: ([^\x00-\x08\x0a-\x1f\x7f]*))?")


class ResponseError(ValueError):
    """What the server sent is not an HTTP/1 response, or its body has no clear length."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """length: of the body. None: it is chunked, or ends with the connection.

    keep_alive: the server takes another request on the connection.
    """

    status: int
    reason: str
    headers: CIMultiDict[str]
    length: int | None
    is_chunked: bool
    keep_alive: bool


def parse_response_head(lines: list[str]) -> ResponseHead:
    """lines: without their ends and without the empty one. ResponseError."""
    first = lines[0] if lines else ""
    matched = _STATUS_LINE.fullmatch(first)
    if matched is None:
        text = first[:80].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        raise ResponseError(f"malformed HTTP response {text!r}")
    status = int(matched[2])
    try:
        headers = parse_fields(lines[1:])
        length, is_chunked = _parse_framing(status, headers)
    except (FieldError, framing.FramingError) as error:
        raise ResponseError(str(error)) from error
    keep_alive = framing.is_persistent(headers, "1.0" if matched[1] == "0" else "1.1")
    return ResponseHead(status, matched[3] or "", headers, length, is_chunked, keep_alive)


def _parse_framing(status: int, headers: CIMultiDict[str]) -> tuple[int | None, bool]:
    """Length of the body, and whether it is chunked (RFC 9112, 6.3). framing.FramingError."""
    if status < 200 or status in {204, 304}:
        return 0, False
    if framing.TRANSFER_ENCODING in headers:
        framing.check_chunked(headers)
        return None, True
    if framing.CONTENT_LENGTH in headers:
        return framing.parse_content_length(headers), False
    return None, False
