"""Regular expressions and URLs: `"a1b2".findAll("[0-9]")`, `url("https://a.b/c").getHost()`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from kprov.kube.component_helpers.cel.bounds import LIMIT_TEXT
from kprov.kube.component_helpers.cel.functions.declaration import (
    BOOL,
    INT,
    STRING,
    STRINGS,
    Declaration,
    function,
    member,
)
from kprov.kube.component_helpers.cel.types import URL, make

#: Compiled patterns. One takes up to _PATTERN_BYTES.
_PATTERNS: Final = 64
_PATTERN_BYTES: Final = 2 << 20
_MAX_FOUND: Final = 10_000


@lru_cache(maxsize=_PATTERNS)
def _compile_pattern(pattern: str) -> Any:
    """Compile a pattern with RE2, whose search takes linear time."""
    # Loaded with the first pattern: most expressions have none.
    import re2

    options = re2.Options()
    options.max_mem = _PATTERN_BYTES
    options.log_errors = False
    try:
        return re2.compile(pattern.encode(), options)
    except re2.error as error:
        raise ValueError(f"Illegal regex: {error.args[0].decode()}") from None


def _find(text: str, pattern: str) -> str:
    match = _compile_pattern(pattern).search(text.encode())
    return "" if match is None else str(match.group(), "utf-8", "replace")


def _find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    matches: list[str] = []
    for match in _compile_pattern(pattern).finditer(text.encode()):
        if 0 <= limit <= len(matches):
            break
        if len(matches) == _MAX_FOUND:
            raise ValueError(LIMIT_TEXT)
        matches.append(str(match.group(), "utf-8", "replace"))
    return matches


def _split_url(text: str) -> SplitResult:
    """Split a URL. As upstream's ParseRequestURI, accept only absolute URLs and absolute paths."""
    failed = f"URL parse error during conversion from string: parse {text!r}: invalid URI for request"
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError(failed) from None
    if not text.startswith("/") and not (parts.scheme and (parts.netloc or parts.path.startswith("/"))):
        raise ValueError(failed)
    return parts


def _make_url(text: str) -> Any:
    _split_url(text)
    return make(URL, text=text)


def is_url(text: str) -> bool:
    try:
        _split_url(text)
    except ValueError:
        return False
    return True


def _parts(value: Any) -> SplitResult:
    return _split_url(value.text)


def _get_host(value: Any) -> str:
    return _parts(value).netloc.rpartition("@")[2]


def _get_hostname(value: Any) -> str:
    host = re.sub(r":[0-9]*$", "", _get_host(value))
    return host.removeprefix("[").removesuffix("]")


def _get_port(value: Any) -> str:
    match = re.search(r":([0-9]*)$", _get_host(value))
    return match[1] if match is not None else ""


_ONE: Final = (URL,)
DECLARATIONS: Final[tuple[Declaration, ...]] = (
    member("find", (STRING, STRING), STRING, _find),
    member("findAll", (STRING, STRING), STRINGS, _find_all),
    member("findAll", (STRING, STRING, INT), STRINGS, _find_all),
    function("url", (STRING,), URL, _make_url),
    function("isURL", (STRING,), BOOL, is_url),
    member("getScheme", _ONE, STRING, lambda value: _parts(value).scheme),
    member("getHost", _ONE, STRING, _get_host),
    member("getHostname", _ONE, STRING, _get_hostname),
    member("getPort", _ONE, STRING, _get_port),
    member("getEscapedPath", _ONE, STRING, lambda value: _parts(value).path),
    member(
        "getQuery",
        _ONE,
        "map<string, list<string>>",
        lambda value: {
            unquote(key): values
            for key, values in parse_qs(_parts(value).query, keep_blank_values=True).items()
        },
    ),
)
