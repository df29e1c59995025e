"""Reads Go's duration strings, such as "1m30s", "150ms" and "2h" (time.ParseDuration)."""

from __future__ import annotations

import json
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
#: The largest duration: Go counts nanoseconds in 63 bits.
_MAX_SECONDS: Final = 2**63 / 1e9
_NUMBER: Final = re.compile(r"(?P<number>\d*\.?\d*)(?P<unit>[^\d.]*)")


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


def describe_error(text: str) -> str:
    """Return Go's error text for a malformed duration, and "" for a well-formed one."""
    body = text[1:] if text[:1] in {"-", "+"} else text
    if body == "0":
        return ""
    quoted = json.dumps(text, ensure_ascii=False)
    end = 0
    while end < len(body):
        part = _NUMBER.match(body, end)
        if part is None or part["number"] in {"", "."}:
            return f"time: invalid duration {quoted}"
        if not part["unit"]:
            return f"time: missing unit in duration {quoted}"
        if part["unit"] not in UNITS:
            return f"time: unknown unit {json.dumps(part['unit'], ensure_ascii=False)} in duration {quoted}"
        end = part.end()
    if not body or abs(parse(text)) >= _MAX_SECONDS:
        return f"time: invalid duration {quoted}"
    return ""
