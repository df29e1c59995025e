"""The target of a request line: a path, an absolute URL, "*", or the authority of CONNECT.

Source: Go's net/url (ParseRequestURI), net/http (readRequest).
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_BAD_ESCAPE: Final = re.compile("%(?![0-9A-Fa-f]{2})")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_SCHEME: Final = re.compile("[A-Za-z][A-Za-z0-9+.-]*:")
#: A host and a port. ASCII is not percent-encoded in a host.
_HOST: Final = re.compile(
    r"(?:[A-Za-z0-9._~!$&'()*+,;=<>\"\x80-\U0010ffff-]|%[89A-Fa-f][0-9A-Fa-f])*(?::[0-9]*)?"
    r"|\[[0-9A-Fa-f:.]+(?:%25[^\]%]+)?\](?::[0-9]*)?"
)
_USER: Final = re.compile(r"(?:[A-Za-z0-9._:~!$&'()*+,;=@-]|%[0-9A-Fa-f]{2})*")
_ASCII: Final = "".join(map(chr, range(0x21, 0x7F)))


def parse_target(text: str, method: str = "") -> tuple[str, str, str]:
    """Path and query, still percent-encoded, and the host of an absolute URL or "". ValueError: malformed.

    text: bytes that are not UTF-8 are surrogates.
    """
    if text.startswith("/") and text.isascii() and text.isprintable():
        path, _, query = text.partition("?")
        if "%" in path and _BAD_ESCAPE.search(path):
            raise ValueError("the path has a malformed percent-encoding")
        return path, query, ""
    return _parse_other(text, method)


def _parse_other(text: str, method: str) -> tuple[str, str, str]:
    if method == "CONNECT" and not text.startswith("/"):
        text = "http://" + text
    if not text.isascii():
        text = quote(text, safe=_ASCII, errors="surrogateescape")
    if _CONTROL.search(text):
        raise ValueError("the target has a control character")
    if text == "*":
        return "*", "", ""
    scheme = _SCHEME.match(text)
    rest, _, query = text[scheme.end() if scheme else 0 :].partition("?")
    if not rest.startswith("/"):
        if not scheme:
            raise ValueError("the target is neither a path nor a URL")
        # Such as mailto:a, which has no path.
        return "", query, ""
    host = ""
    if scheme and rest.startswith("//"):
        authority, slash, rest = rest[2:].partition("/")
        rest = slash + rest
        user, _, host = authority.rpartition("@")
        if not _HOST.fullmatch(host) or not _USER.fullmatch(user):
            raise ValueError("the target has a malformed host")
    if _BAD_ESCAPE.search(rest):
        raise ValueError("the path has a malformed percent-encoding")
    return rest, query, host
