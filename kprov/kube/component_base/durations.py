"""Go's duration strings ("1m30s", "150ms", "2h") to and from seconds (time.ParseDuration)."""

import json
import re
from typing import Final

_UNITS: Final[dict[str, float]] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
#: The largest duration: Go counts nanoseconds in 63 bits.
_MAX_SECONDS: Final = 2**63 / 1e9
_NUMBER: Final = re.compile(r"(?P<number>\d*\.?\d*)(?P<unit>[^\d.]*)")
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")


def describe_error(text: str) -> str:
    """Go's error text for a malformed duration. "" if it is well-formed."""
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
        if part["unit"] not in _UNITS:
            return f"time: unknown unit {json.dumps(part['unit'], ensure_ascii=False)} in duration {quoted}"
        end = part.end()
    if not body or abs(parse(text)) >= _MAX_SECONDS:
        return f"time: invalid duration {quoted}"
    return ""


def parse(text: str) -> float:
    """Seconds of a Go duration. "0" needs no unit. ValueError: malformed."""
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
        seconds += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    if not body or end < len(body):
        raise ValueError(f'invalid duration "{text}": expected a form such as "300ms", "1m30s" or "2h"')
    return sign * seconds


def render(seconds: float) -> str:
    """The shortest Go form of whole milliseconds: 90 -> "1m30s", 0.15 -> "150ms"."""
    if seconds == 0:
        return "0s"
    sign = "-" if seconds < 0 else ""
    milliseconds = round(abs(seconds) * 1000)
    if milliseconds < 1000:
        return f"{sign}{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{rest / 1000:g}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{text}"
    return f"{sign}{minutes}m{text}" if minutes else f"{sign}{text}"
