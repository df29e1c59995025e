"""Times on the wire: RFC 3339 in UTC, whole seconds (metav1.Time) or microseconds (metav1.MicroTime)."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-]\d\d:\d\d))", re.ASCII
)


def now() -> str:
    """Now as metav1.Time: "2026-01-02T03:04:05Z"."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def micro_now() -> str:
    """Now as metav1.MicroTime: "2026-01-02T03:04:05.000006Z"."""
    return show_micro(datetime.now(UTC))


def show(moment: datetime) -> str:
    """Format an aware datetime as metav1.Time, without fractions of a second."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


def show_micro(moment: datetime) -> str:
    """Format an aware datetime as metav1.MicroTime."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def parse(text: str) -> datetime:
    """Parse RFC 3339 to a datetime in UTC, without digits below microseconds. Raises ValueError."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    day, clock, fraction, _, offset = match.groups()
    digits = f"{fraction or '0':0<6}"[:6]
    return datetime.fromisoformat(f"{day}T{clock}.{digits}{offset or '+00:00'}").astimezone(UTC)


def seconds(text: str) -> float:
    """Return the Unix time of an RFC 3339 text."""
    return parse(text).timestamp()


def is_valid(text: str) -> bool:
    """Whether it is a valid RFC 3339 time."""
    try:
        parse(text)
    except ValueError:
        return False
    return True
