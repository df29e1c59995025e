"""Paths as Go joins them: `.`, `..` and doubled slashes made plain, a slash at the end kept."""

from __future__ import annotations

import posixpath
from typing import Final
from urllib.parse import quote

#: What Go's URL leaves as it is in a path.
_PLAIN: Final = "/$&+,:;=@~"


def clean(path: str) -> str:
    """A decoded path, "" or from a slash on. No way leads above its root."""
    if not path:
        return ""
    clean = posixpath.normpath("/" + path.lstrip("/"))
    return clean + "/" if path.endswith("/") and clean != "/" else clean


def escape(path: str) -> str:
    """A decoded path for a request line; bytes that are no UTF-8 are surrogates."""
    return quote(path, safe=_PLAIN, errors="surrogateescape")


def join(prefix: str, path: str) -> str:
    """Path behind prefix."""
    return clean(f"{prefix}/{path}")
