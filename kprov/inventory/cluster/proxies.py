"""Checks http_proxy, https_proxy, no_proxy and additional_no_proxy."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

#: Characters that end a value in apt.conf or in a unit file.
_SPECIAL = re.compile(r'[\s"\'\\;]')
_ENTRY = re.compile(r"\*|\*?\.?[A-Za-z0-9_.:-]+(/[0-9]{1,3})?")


def check_proxy(value: Any) -> Any:
    """Return the URL of a proxy, or "", unchanged. The ValueError has no password."""
    if value == "":
        return value
    if not isinstance(value, str) or _SPECIAL.search(value) or not _is_http(value):
        raise ValueError("must be a URL such as http://proxy.example.com:3128")
    return value


def check_no_proxy(value: Any) -> Any:
    """Return a list of hosts and networks with commas unchanged. ValueError names the wrong entry."""
    if not isinstance(value, str):
        raise ValueError("must be a text such as 10.0.0.0/8,.example.com")  # noqa: TRY004 - pydantic's protocol
    for entry in filter(None, (part.strip() for part in value.split(","))):
        if not _ENTRY.fullmatch(entry):
            raise ValueError(f"{entry!r} is not a host, a domain or a network")
    return value


def _is_http(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
