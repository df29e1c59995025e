"""Clean and join paths as Go does; a trailing slash stays."""

from __future__ import annotations

import posixpath
from typing import Final
from urllib.parse import quote

#: Characters that Go's URL does not escape in a path.
_PLAIN: Final = "/$&+,:;=@~"


def clean(path: str) -> str:
    """Remove `.`, `..` and double slashes from a decoded path, which is "" or starts with a slash."""
    if not path:
        return ""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def escape(path: str) -> str:
    """Percent-encode a decoded path. Bytes that are not UTF-8 are surrogates."""
    return quote(path, safe=_PLAIN, errors="surrogateescape")


def join(prefix: str, path: str) -> str:
    """Append a path to a prefix."""
    return clean(f"{prefix}/{path}")
