"""Reads Go's duration strings, such as "1m30s", "150ms" and "2h" (time.ParseDuration)."""

from __future__ import annotations

import re
from typing import Final

#: Seconds of each unit.
UNITS: Final[dict[str, float]] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def parse(text: str) -> float:
    """Return the seconds of a duration. "0" needs no unit. Raise ValueError if it is malformed."""
    body = text.strip()
    sign = -1.0 if body.startswith("-") else 1.0
    body = body.lstrip("+-")
    if body == "0":
        return 0.0
    seconds, end = 0.0, 0
    while end < len(body):
        part = _PART.match(body, end)
        if part is None:
            break
        seconds += float(part[1]) * UNITS[part[2]]
        end = part.end()
    if not body or end < len(body):
        raise ValueError(f'invalid duration "{text}": expected a form such as "300ms", "1m30s" or "2h"')
    return sign * seconds
