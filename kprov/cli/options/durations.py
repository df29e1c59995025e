"""Durations on the command line: 90s, 30m, 8h, 7d, or several of them."""

from __future__ import annotations

import datetime as dt
import re

from kprov.errors import InputError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_DURATION = re.compile(r"(\d+[smhd])+")
_LONGEST = dt.timedelta(days=36_500)


def parse_duration(text: str, field: str) -> dt.timedelta:
    """Return a duration above 0. Raises InputError."""
    total = dt.timedelta()
    try:
        if _DURATION.fullmatch(text):
            for number, unit in re.findall(r"(\d+)([smhd])", text):
                total += dt.timedelta(**{_UNITS[unit]: int(number)})
    except OverflowError:
        total = _LONGEST * 2
    if not dt.timedelta() < total <= _LONGEST:
        raise InputError(f"{text!r} is not a duration such as 30m, 8h or 7d", field=field)
    return total
