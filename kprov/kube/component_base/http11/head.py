"""A request's head, read as Go's server reads it.

Source: RFC 9112; Go's net/textproto (ReadMIMEHeader), net/http (readRequest, transfer.go, conn.readRequest).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from multidict import CIMultiDict, istr

_HOST: Final = istr("Host")
_CONNECTION: Final = istr("Connection")
_LENGTH: Final = istr("Content-Length")
_CODING: Final = istr("Transfer-Encoding")
_TRAILER: Final = istr("Trailer")
_USUAL: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "CONNECT"})
_TOKEN: Final = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SPACED: Final = re.compile("[!#$%&'*+.^_`|~0-9A-Za-z -]+")
_VERSION: Final = re.compile(r"HTTP/([0-9])\.([0-9])")
_NO_VALUE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
_NAMED_HOST: Final = re.compile("[A-Za-z0-9!$%&'()*+,.:;=_~\\[\\]-]*")
_DIGITS: Final = re.compile("0*[0-9]{1,19}")
_LINE_END: Final = re.compile("\r?\n")
_MOST: Final = (1 << 63) - 1
#: Lines of a head, as upstream's server has it.
_HEADERS: Final = 500
#: What no trailer may be.
_FRAMING: Final = frozenset({"transfer-encoding", "trailer", "content-length"})

#: Names of headers that were seen; clients send the same few.
_names: dict[str, istr] = {}
_NAMES: Final = 512


class HeadError(ValueError):
    """No request: with what code it is refused, and what is told beside the code's own words."""

    def __init__(self, code: int = 400, text: str = "") -> None:
        super().__init__(text or "the head is no HTTP")
        self.code = code
        self.text = text


@dataclass(slots=True)
class Fields:
    """length: of the body, None where it comes in chunks. version: "1.0", or "1.1" for all later ones."""

    version: str
    headers: CIMultiDict[str]
    length: int | None
    keep_alive: bool


def fields(text: str, method: str, proto: str) -> Fields:
    """text: the lines after the first, without the empty one. HeadError."""
    lines = text.split("\r\n") if text else []
    if text and text.count("\n") >= len(lines):
        lines = _LINE_END.split(text)
    if len(lines) > _HEADERS:
        raise HeadError(431)
    headers, is_odd = _headers(lines)
    version = "1.1" if proto == "HTTP/1.1" else _version(proto)
    hosts = headers.getall(_HOST, ())
    if len(hosts) != 1:
        if hosts:
            raise HeadError
        if version != "1.0" and method != "CONNECT":
            raise HeadError(text="missing required Host header")
    elif not _NAMED_HOST.fullmatch(hosts[0]):
        raise HeadError(text="malformed Host header")
    if is_odd:
        raise HeadError(text="invalid header name")
    keep_alive = _keeps_alive(headers, version)
    length: int | None = 0
    if _CODING in headers:
        length = _coded(headers, version)
        keep_alive = keep_alive and length is None
    elif _LENGTH in headers:
        length = _length(headers)
    return Fields(version, headers, length, keep_alive)


def check_begun(data: bytes, *, is_first: bool) -> None:
    """Lines of a head that is not there as a whole; is_first: from its first line on. HeadError."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")[:-1]
    if is_first:
        request_line(lines.pop(0).removesuffix("\r"))
    for line in lines:
        if ":" not in line and not line.startswith((" ", "\t")):
            raise HeadError


def request_line(line: str) -> tuple[str, str, str]:
    """Method, target and protocol. HeadError."""
    parts = line.split(" ")
    if len(parts) != 3:
        raise HeadError
    method, target, proto = parts
    if method not in _USUAL and not _TOKEN.fullmatch(method):
        raise HeadError
    if proto != "HTTP/1.1" and not _VERSION.fullmatch(proto):
        raise HeadError
    return method, target, proto


def _headers(lines: list[str]) -> tuple[CIMultiDict[str], bool]:
    """And whether a name has a space in it, which is told later."""
    pairs: list[tuple[istr, str]] = []
    is_odd = False
    for line in lines:
        name, colon, value = line.partition(":")
        known = _names.get(name)
        if known is None or not colon:
            if line.startswith((" ", "\t")) and pairs:
                known, begun = pairs.pop()
                value = begun + " " + line.strip(" \t")
            elif not colon or not _SPACED.fullmatch(name) or line.startswith(" "):
                raise HeadError
            else:
                known = _name(name)
                is_odd = is_odd or " " in name
        value = value.strip(" \t")
        if not value.isprintable() and _NO_VALUE.search(value):
            raise HeadError
        pairs.append((known, value))
    return CIMultiDict(pairs), is_odd


def _name(name: str) -> istr:
    made = istr(name)
    if " " not in name and len(_names) < _NAMES:
        _names[name] = made
    return made


def _version(proto: str) -> str:
    major, minor = proto[5], proto[7]
    if major != "1":
        raise HeadError(505, "unsupported protocol version")
    return "1.0" if minor == "0" else "1.1"


def _keeps_alive(headers: CIMultiDict[str], version: str) -> bool:
    said = headers.getall(_CONNECTION, ())
    if not said:
        return version != "1.0"
    tokens = {token.strip(" \t").lower() for value in said for token in value.split(",")}
    return "close" not in tokens and (version != "1.0" or "keep-alive" in tokens)


def _coded(headers: CIMultiDict[str], version: str) -> int | None:
    """The body's length where a coding is named: None for chunks, the one coding there is.

    HTTP/1.0 knows none: it is passed over, and nothing that follows may be taken for a request.
    """
    if _LENGTH in headers:
        # Go passes over the length. Whoever stands in front may not, and then sees other requests here.
        raise HeadError
    codings = headers.getall(_CODING)
    if version == "1.0":
        del headers[_CODING]
        return 0
    if len(codings) > 1 or codings[0].lower() != "chunked":
        raise HeadError(501)
    trailers = {
        name.strip(" \t").lower() for value in headers.getall(_TRAILER, ()) for name in value.split(",")
    }
    if trailers & _FRAMING:
        raise HeadError
    return None


def _length(headers: CIMultiDict[str]) -> int:
    said = headers.getall(_LENGTH)
    if len(said) > 1:
        if len(set(said)) > 1:
            raise HeadError
        headers[_LENGTH] = said[0]
    if not _DIGITS.fullmatch(said[0]) or (length := int(said[0])) > _MOST:
        raise HeadError
    return length
