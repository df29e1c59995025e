"""Filters for URLs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from kprov.playbook.templating.values import FilterError

_PARTS = ("fragment", "hostname", "netloc", "password", "path", "port", "query", "scheme", "username")


def split(value: str, query: str = "", alias: str = "urlsplit") -> Any:
    """Return the parts of a URL, or one part."""
    parts = urlsplit(value)
    if not query:
        return {name: getattr(parts, name) for name in _PARTS}
    if query not in _PARTS:
        raise FilterError(f"{alias}: unknown URL component: {query}; use one of {', '.join(_PARTS)}")
    return getattr(parts, query)


FILTERS: dict[str, Callable[..., Any]] = {"urlsplit": split, "urldecode": unquote_plus}
