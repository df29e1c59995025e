"""Reads schedules as upstream does. Source: github.com/robfig/cron v3, parser.go (ParseStandard).

Libraries on PyPI read another language: "7" as a weekday, no "?", no "@every", other rules for "*/2" in the
day fields. So this parser is our own (docs/decisions/024), and the API server and the controller share it.
"""

from __future__ import annotations

import re
from datetime import timedelta, tzinfo
from fractions import Fraction
from typing import Final, NamedTuple

from kprov.kube.machinery import status
from kprov.kube.machinery.cron.schedule import CronSchedule, Interval, Schedule, Values
from kprov.kube.machinery.cron.zones import ZoneError, load_local_zone, load_zone
from kprov.kube.machinery.integers import is_int64, parse_clamped

_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


class _Field(NamedTuple):
    low: int
    high: int
    names: dict[str, int]


_FIELDS: Final = (
    _Field(0, 59, {}),
    _Field(0, 23, {}),
    _Field(1, 31, {}),
    _Field(1, 12, {name: index + 1 for index, name in enumerate(_MONTHS)}),
    _Field(0, 6, {name: index for index, name in enumerate(_DAYS)}),
)
_DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
#: One part of a duration, such as "1.5h".
#: Limit of a schedule, which upstream does not have: each of its parts takes time.
_MAX_TEXT: Final = 4_096
_AMOUNT: Final = re.compile(r"(?P<digits>[0-9]*(\.[0-9]*)?)(?P<unit>[^.0-9]*)")
_SECOND: Final = 10**9
#: Units in nanoseconds. Microseconds are written with the micro sign or the Greek letter.
_UNITS: Final = {"ns": 1, "ms": 10**6, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND} | (
    dict.fromkeys(("us", "\u00b5s", "\u03bcs"), 1000)
)
#: Python's longest interval. Go's durations end after 292 years too.
_LONGEST: Final = timedelta(days=106_751)


class ScheduleError(ValueError):
    """A schedule that cannot be parsed. The message is upstream's."""


def parse_schedule(text: str) -> Schedule:
    """Parse "*/5 * * * *", "@hourly", "@every 90s", each perhaps after "TZ=Zone ". Raises ScheduleError."""
    if len(text) > _MAX_TEXT:
        raise ScheduleError(f"a schedule must have no more than {_MAX_TEXT} characters")
    zone = None
    if text.startswith(("TZ=", "CRON_TZ=")):
        prefix, space, text = text.partition(" ")
        if not space:
            # Upstream's parser slices the text at the missing space and reports the panic.
            wrong = "runtime error: slice bounds out of range [:-1]"
            raise ScheduleError(f"invalid schedule format: {wrong}")
        zone = _load_zone(prefix.partition("=")[2])
        text = text.strip()
    if text.startswith("@"):
        if text.startswith("@every "):
            return _parse_interval(text)
        if text not in _DESCRIPTORS:
            raise ScheduleError(f"unrecognized descriptor: {text}")
        text = _DESCRIPTORS[text]
    return CronSchedule(*_parse_fields(text), load_local_zone() if zone is None else zone)


def find_schedule_problem(text: str) -> str:
    """Why a schedule is invalid, in the words of upstream's parser; "" if it is valid."""
    try:
        parse_schedule(text)
    except ScheduleError as wrong:
        return str(wrong)
    return ""


def _load_zone(name: str) -> tzinfo:
    try:
        return load_zone(name)
    except ZoneError as error:
        raise ScheduleError(f"provided bad location {name}: {error}") from None


def _parse_interval(text: str) -> Interval:
    try:
        nanoseconds = _parse_duration(text.removeprefix("@every "))
    except ScheduleError as wrong:
        raise ScheduleError(f"failed to parse duration {text}: time: {wrong}") from None
    seconds = max(nanoseconds // _SECOND, 1)
    return Interval(min(timedelta(seconds=seconds), _LONGEST))


def _parse_fields(text: str) -> tuple[Values, Values, Values, Values, Values]:
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise ScheduleError(f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]")
    minutes, hours, days, months, weekdays = (
        _parse_field(part, field) for part, field in zip(parts, _FIELDS, strict=True)
    )
    return minutes, hours, days, months, weekdays


def _parse_field(text: str, field: _Field) -> Values:
    matching: set[int] = set()
    is_any = False
    for item in text.split(","):
        if item:
            numbers, item_is_any = _parse_range(item, field)
            matching.update(numbers)
            is_any |= item_is_any
    return Values(frozenset(matching), is_any)


def _parse_range(text: str, field: _Field) -> tuple[range, bool]:
    """Return the numbers of "N", "N-M", "*", each perhaps with "/STEP", and whether it restricts nothing."""
    span, *steps = text.split("/")
    first, *rest = span.split("-")
    is_any = first in {"*", "?"}
    if is_any:
        start, end = field.low, field.high
    else:
        start = end = _parse_number(first, field)
        if len(rest) == 1:
            end = _parse_number(rest[0], field)
        elif rest:
            raise ScheduleError(f"too many hyphens: {text}")
    step = 1
    if len(steps) == 1:
        step = _parse_integer(steps[0])
        if not rest and not is_any:
            end = field.high
        is_any = is_any and step <= 1
    elif steps:
        raise ScheduleError(f"too many slashes: {text}")
    _check_range(text, start, end, step, field)
    return range(start, end + 1, step), is_any


def _check_range(text: str, start: int, end: int, step: int, field: _Field) -> None:
    if start < field.low:
        raise ScheduleError(f"beginning of range ({start}) below minimum ({field.low}): {text}")
    if end > field.high:
        raise ScheduleError(f"end of range ({end}) above maximum ({field.high}): {text}")
    if start > end:
        raise ScheduleError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {text}")


def _parse_number(text: str, field: _Field) -> int:
    number = field.names.get(text.lower())
    return _parse_integer(text) if number is None else number


def _parse_integer(text: str) -> int:
    if not re.fullmatch("[-+]?[0-9]+", text):
        shown = status.quoted(text)
        raise ScheduleError(f"failed to parse int from {text}: strconv.Atoi: parsing {shown}: invalid syntax")
    if not is_int64(text):
        shown = status.quoted(text)
        raise ScheduleError(
            f"failed to parse int from {text}: strconv.Atoi: parsing {shown}: value out of range"
        )
    number = parse_clamped(text)
    if number < 0:
        raise ScheduleError(f"negative number ({number}) not allowed: {text}")
    return number


def _parse_duration(text: str) -> int:
    """Nanoseconds of a duration of Go's time.ParseDuration. Raises ScheduleError."""
    shown = status.quoted(text)
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return 0
    if not rest:
        raise ScheduleError(f"invalid duration {shown}")
    nanoseconds = at = 0
    while at < len(rest):
        part = _AMOUNT.match(rest, at)
        if part is None or not part["digits"].strip("."):
            raise ScheduleError(f"invalid duration {shown}")
        if not part["unit"]:
            raise ScheduleError(f"missing unit in duration {shown}")
        if part["unit"] not in _UNITS:
            raise ScheduleError(f"unknown unit {status.quoted(part['unit'])} in duration {shown}")
        nanoseconds += int(Fraction(f"0{part['digits']}") * _UNITS[part["unit"]])
        at = part.end()
    if nanoseconds > 2**63 - (text[0] != "-"):
        raise ScheduleError(f"invalid duration {shown}")
    return -nanoseconds if text[0] == "-" else nanoseconds
