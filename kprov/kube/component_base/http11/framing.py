"""Where a message's body ends, and whether the connection stays open after it.

Source: RFC 9112, sections 6 and 9.3. Two lengths are an error even where they are equal, and so are a length
and chunks: a recipient before or behind this one may choose the other.
"""

from __future__ import annotations

import re
from typing import Final

from multidict import CIMultiDict, MultiMapping, istr

from kprov.kube.machinery.integers import parse_clamped

CONNECTION: Final = istr("Connection")
CONTENT_LENGTH: Final = istr("Content-Length")
TRANSFER_ENCODING: Final = istr("Transfer-Encoding")
CHUNKED: Final = "chunked"
#: Fields on which framing and routing depend. Trailers with them are an error, and so is their announcement.
NOT_IN_TRAILERS: Final = frozenset({"content-length", "host", "trailer", "transfer-encoding"})

_DIGITS: Final = re.compile("0*[0-9]{1,19}")
_MAX_LENGTH: Final = (1 << 63) - 1


class FramingError(ValueError):
    """The body has no clear length."""


class UnknownCodingError(FramingError):
    """A transfer coding other than chunked."""


def parse_content_length(headers: CIMultiDict[str]) -> int:
    """Return the one Content-Length. FramingError: it is repeated or not a number below 2^63."""
    values = headers.getall(CONTENT_LENGTH)
    if len(values) > 1:
        raise FramingError("repeated Content-Length")
    if not _DIGITS.fullmatch(values[0]) or (length := parse_clamped(values[0])) > _MAX_LENGTH:
        raise FramingError(f"invalid Content-Length {values[0][:40]!r}")
    return length


def check_chunked(headers: CIMultiDict[str]) -> None:
    """FramingError: another transfer coding than chunked alone, or a Content-Length beside it."""
    if CONTENT_LENGTH in headers:
        raise FramingError("both Content-Length and Transfer-Encoding")
    codings = [
        coding.strip(" \t").lower()
        for value in headers.getall(TRANSFER_ENCODING)
        for coding in value.split(",")
    ]
    if CHUNKED in codings[:-1]:
        raise FramingError("chunked is not the last transfer coding")
    if codings != [CHUNKED]:
        raise UnknownCodingError(f"unknown transfer coding {', '.join(codings)[:40]!r}")


def list_connection_options(headers: MultiMapping[str]) -> set[str]:
    """Return the options of all Connection headers in lower case: close, keep-alive, names of headers."""
    return {
        option.strip(" \t").lower() for value in headers.getall(CONNECTION, ()) for option in value.split(",")
    }


def is_persistent(headers: CIMultiDict[str], version: str) -> bool:
    """Whether the connection stays open. version: "1.0" or "1.1"."""
    if CONNECTION not in headers:
        return version != "1.0"
    options = list_connection_options(headers)
    return "close" not in options and (version != "1.0" or "keep-alive" in options)
