"""Schedules and time zones of cron jobs.

Source: github.com/robfig/cron parser.go (as upstream's API server uses it),
upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from kprov.kube.apiserver.registry.batch.integers import is_int64
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.machinery import field, status

_MONTHS: Final = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS: Final = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_NAMES: Final[dict[str, dict[str, int]]] = {
    "month": {name: index + 1 for index, name in enumerate(_MONTHS)},
    "dow": {name: index for index, name in enumerate(_DAYS)},
}
_FIELDS: Final = (("minute", 0, 59), ("hour", 0, 23), ("dom", 1, 31), ("month", 1, 12), ("dow", 0, 6))
_DESCRIPTORS: Final = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
#: One part of a duration, such as "1.5h".
_AMOUNT: Final = re.compile(r"(?P<digits>[0-9]*(\.[0-9]*)?)(?P<unit>[^.0-9]*)")
_SECOND: Final = 10**9
#: Units in nanoseconds. Microseconds are written with the micro sign or the Greek letter.
_UNITS: Final = {"ns": 1, "ms": 10**6, "s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND} | (
    dict.fromkeys(("us", "\u00b5s", "\u03bcs"), 1000)
)


class _ScheduleError(ValueError):
    """A schedule that cannot be parsed. The message is upstream's."""


def find_schedule_problem(text: str) -> str:
    """Why a schedule is invalid, in the words of upstream's parser; "" if it is valid."""
    try:
        _parse_schedule(text)
    except _ScheduleError as wrong:
        return str(wrong)
    return ""


def _parse_schedule(text: str) -> None:
    if text.startswith(("TZ=", "CRON_TZ=")):
        zone, space, text = text.partition(" ")
        if not space:
            # Upstream's parser slices the text at the missing space and reports the panic.
            wrong = "runtime error: slice bounds out of range [:-1]"
            raise _ScheduleError(f"invalid schedule format: {wrong}")
        name = zone.partition("=")[2]
        if problem := _find_zone_problem(name):
            raise _ScheduleError(f"provided bad location {name}: {problem}")
        text = text.strip()
    if text.startswith("@"):
        _parse_descriptor(text)
        return
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise _ScheduleError(f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]")
    for part, (kind, low, high) in zip(parts, _FIELDS, strict=True):
        for item in part.split(","):
            if item:
                _parse_range(item, kind, low, high)


def _parse_descriptor(text: str) -> None:
    if text in _DESCRIPTORS:
        return
    if not text.startswith("@every "):
        raise _ScheduleError(f"unrecognized descriptor: {text}")
    if problem := _find_duration_problem(text.removeprefix("@every ")):
        raise _ScheduleError(f"failed to parse duration {text}: time: {problem}")


def _parse_range(text: str, kind: str, low: int, high: int) -> None:
    span, *steps = text.split("/")
    first, *rest = span.split("-")
    if first in {"*", "?"}:
        start, end = low, high
    else:
        start = end = _parse_number(first, kind)
        if len(rest) == 1:
            end = _parse_number(rest[0], kind)
        elif rest:
            raise _ScheduleError(f"too many hyphens: {text}")
    step = 1
    if len(steps) == 1:
        step = _parse_integer(steps[0])
        if not rest and first not in {"*", "?"}:
            end = high
    elif steps:
        raise _ScheduleError(f"too many slashes: {text}")
    _check_range(text, start, end, step, (low, high))


def _check_range(text: str, start: int, end: int, step: int, limits: tuple[int, int]) -> None:
    low, high = limits
    if start < low:
        raise _ScheduleError(f"beginning of range ({start}) below minimum ({low}): {text}")
    if end > high:
        raise _ScheduleError(f"end of range ({end}) above maximum ({high}): {text}")
    if start > end:
        raise _ScheduleError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise _ScheduleError(f"step of range should be a positive number: {text}")


def _parse_number(text: str, kind: str) -> int:
    found = _NAMES.get(kind, {}).get(text.lower())
    return _parse_integer(text) if found is None else found


def _parse_integer(text: str) -> int:
    if not re.fullmatch("[-+]?[0-9]+", text):
        raise _ScheduleError(
            f"failed to parse int from {text}: strconv.Atoi: parsing {status.quoted(text)}: invalid syntax"
        )
    if not is_int64(text):
        shown = status.quoted(text)
        raise _ScheduleError(
            f"failed to parse int from {text}: strconv.Atoi: parsing {shown}: value out of range"
        )
    if int(text) < 0:
        raise _ScheduleError(f"negative number ({int(text)}) not allowed: {text}")
    return int(text)


def _find_duration_problem(text: str) -> str:
    """Why Go's time.ParseDuration refuses a duration; "" if it is valid."""
    shown = status.quoted(text)
    rest = text[1:] if text[:1] in {"-", "+"} else text
    if rest == "0":
        return ""
    if not rest:
        return f"invalid duration {shown}"
    nanoseconds = 0
    while rest:
        part = _AMOUNT.match(rest)
        if part is None or not part["digits"].strip("."):
            return f"invalid duration {shown}"
        if not part["unit"]:
            return f"missing unit in duration {shown}"
        if part["unit"] not in _UNITS:
            return f"unknown unit {status.quoted(part['unit'])} in duration {shown}"
        nanoseconds += int(Fraction(f"0{part['digits']}") * _UNITS[part["unit"]])
        rest = rest[part.end() :]
    if nanoseconds > 2**63 - (text[0] != "-"):
        return f"invalid duration {shown}"
    return ""


def _find_zone_problem(name: str) -> str:
    """Why Go's time.LoadLocation refuses a time zone; "" if it is valid."""
    if name in {"", "UTC", "Local"}:
        return ""
    if ".." in name or name[0] in "/\\":
        return "time: invalid location name"
    try:
        ZoneInfo(name)
    except IsADirectoryError:
        return "is a directory"
    except (ValueError, OSError, KeyError):
        return f"unknown time zone {name}"
    return ""


def validate_time_zone(name: str, path: str) -> Errors:
    if not name:
        yield field.invalid(path, name, "timeZone must be nil or non-empty string")
        return
    if any(
        part in {".", ".."} or not re.fullmatch("[A-Za-z0-9_+][A-Za-z0-9._+-]{0,13}", part)
        for part in name.split("/")
    ):
        yield field.invalid(path, name, f"unknown time zone {name}")
        return
    if name.lower() == "local":
        text = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        yield field.invalid(path, name, text)
    if problem := _find_zone_problem(name):
        yield field.invalid(path, name, problem)
