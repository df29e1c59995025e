"""Docker's times (RFC 3339 with up to nine digits) as Unix nanoseconds."""

from __future__ import annotations

import calendar
import re
from typing import Final

_TIME: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):(\d\d))"
)


def parse_time(text: str) -> int:
    """Return nanoseconds since 1970. 0 for Go's zero time and for what is no time."""
    matched = _TIME.fullmatch(text)
    if matched is None or matched[1] == "0001":
        return 0
    year, month, day, hour, minute, second = (int(matched[index]) for index in range(1, 7))
    seconds = calendar.timegm((year, month, day, hour, minute, second))
    if matched[8]:
        offset = (int(matched[9]) * 60 + int(matched[10])) * 60
        seconds -= offset if matched[8] == "+" else -offset
    return seconds * 1_000_000_000 + int((matched[7] or "").ljust(9, "0"))
