"""Go's duration strings ("1m30s", "150ms", "2h") to and from seconds (time.ParseDuration)."""

import json
import re
from typing import Final

from kprov.contract.scheduler.durations import UNITS, parse

__all__ = ["describe_error", "parse", "render"]

#: The largest duration: Go counts nanoseconds in 63 bits.
_MAX_SECONDS: Final = 2**63 / 1e9
_NUMBER: Final = re.compile(r"(?P<number>\d*\.?\d*)(?P<unit>[^\d.]*)")


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
        if part["unit"] not in UNITS:
            return f"time: unknown unit {json.dumps(part['unit'], ensure_ascii=False)} in duration {quoted}"
        end = part.end()
    if not body or abs(parse(text)) >= _MAX_SECONDS:
        return f"time: invalid duration {quoted}"
    return ""


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
