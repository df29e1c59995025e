"""Times of schedules. The expected times are those of robfig/cron, which upstream uses."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from kprov.kube.machinery.cron.parser import ScheduleError, find_schedule_problem, parse_schedule
from kprov.kube.machinery.cron.zones import ZoneError, load_zone


def find_next(schedule: str, after: str, zone: str = "UTC") -> str | None:
    start = datetime.fromisoformat(after).replace(tzinfo=load_zone(zone))
    found = parse_schedule(f"TZ={zone} {schedule}").find_next(start)
    return None if found is None else found.astimezone(load_zone(zone)).isoformat(sep=" ", timespec="minutes")


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0/15 * * * *", "2012-07-09 14:45", "2012-07-09 15:00+00:00"),
        ("20-35/15 * * * *", "2012-07-09 14:20", "2012-07-09 14:35+00:00"),
        ("*/35 * * * *", "2012-07-31 23:35", "2012-08-01 00:00+00:00"),
        ("0 0 9 Apr-Oct ?", "2012-07-09 23:35", "2012-08-09 00:00+00:00"),
        ("0 0 */5 Apr,Aug,Oct Mon", "2012-07-09 23:35", "2012-08-01 00:00+00:00"),
        ("0 0 29 Feb ?", "2012-07-09 23:35", "2016-02-29 00:00+00:00"),
        ("30 8 * * MON-FRI", "2026-11-20 08:30", "2026-11-23 08:30+00:00"),
        ("@hourly", "2026-01-31 23:59", "2026-02-01 00:00+00:00"),
        ("@weekly", "2026-11-23 00:00", "2026-11-29 00:00+00:00"),
        ("@yearly", "2026-11-23 00:00", "2027-01-01 00:00+00:00"),
        ("59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59+00:00"),
    ],
)
def test_the_next_time_of_a_schedule(schedule: str, after: str, expected: str) -> None:
    assert find_next(schedule, after) == expected


def test_two_restricted_day_fields_match_alone() -> None:
    """The 13th, or a Friday. With "*" in one field only the other one counts, with "*/2" both count alone."""
    assert find_next("0 0 13 * FRI", "2026-11-14 00:00") == "2026-11-20 00:00+00:00"
    assert find_next("0 0 * * FRI", "2026-11-14 00:00") == "2026-11-20 00:00+00:00"
    assert find_next("0 0 13 * *", "2026-11-14 00:00") == "2026-12-13 00:00+00:00"
    assert find_next("0 0 */2 * FRI", "2026-11-18 00:00") == "2026-11-19 00:00+00:00"


def test_a_day_that_no_month_has_never_comes() -> None:
    assert find_next("59 23 31 2 *", "2026-01-01 00:00") is None


@pytest.mark.parametrize(
    ("zone", "after", "expected"),
    [
        # Clocks skip 02:00 to 03:00: the time is left out.
        ("America/New_York", "2012-03-11 00:00", "2012-03-12 02:30-04:00"),
        # Clocks repeat 01:00 to 02:00; 02:30 comes once.
        ("America/New_York", "2012-11-04 00:00", "2012-11-04 02:30-05:00"),
        ("Asia/Kolkata", "2026-01-01 02:30", "2026-01-02 02:30+05:30"),
    ],
)
def test_clock_changes(zone: str, after: str, expected: str) -> None:
    assert find_next("30 2 * * *", after, zone) == expected


def test_a_midnight_that_is_skipped_moves_to_the_next_day() -> None:
    """Sao Paulo skipped the midnight of 2018-11-04."""
    assert find_next("0 0 * * *", "2018-11-03 12:00", "America/Sao_Paulo") == "2018-11-05 00:00-02:00"


@pytest.mark.parametrize(
    ("zone", "schedule", "after", "expected"),
    [
        # Midnight skipped in zones east of Greenwich: upstream leaves out the whole day.
        ("Asia/Beirut", "0 12 * * 0", "2021-03-27 10:00", "2021-04-04 12:00+03:00"),
        ("Africa/Cairo", "0 0 1 * *", "2025-04-20 10:00", "2025-05-01 00:00+03:00"),
        # West of Greenwich the day begins at 01:00.
        ("America/Sao_Paulo", "30 2 * * 0", "2018-11-02 00:00", "2018-11-04 02:30-02:00"),
        # The midnight of a first of the month, 2023-10-01. Upstream leaves out November here.
        ("America/Asuncion", "10 0 * 4,11 *", "2023-09-29 00:00", "2023-11-01 00:10-03:00"),
        # Apia had no 2011-12-30. Upstream does not return here.
        ("Pacific/Apia", "30 2 * * 0", "2011-12-28 00:00", "2012-01-01 02:30+14:00"),
    ],
)
def test_the_search_passes_skipped_midnights_and_days(
    zone: str, schedule: str, after: str, expected: str
) -> None:
    assert find_next(schedule, after, zone) == expected


def test_a_field_without_values_never_matches() -> None:
    assert find_next(", * * * *", "2026-01-15 10:07") is None
    assert find_next("* , * * *", "2026-01-15 10:07") is None


def test_hourly_runs_in_both_hours_of_a_repeated_one() -> None:
    schedule = parse_schedule("TZ=Europe/Berlin 0 * * * *")
    moment = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
    hours = []
    for _ in range(3):
        moment = schedule.find_next(moment) or moment
        hours.append(moment.hour)
    assert hours == [0, 1, 2]


def test_intervals_are_whole_seconds() -> None:
    start = datetime(2026, 1, 1, 0, 0, 0, 900_000, tzinfo=UTC)
    assert parse_schedule("@every 1h2m3.9s").find_next(start) == datetime(2026, 1, 1, 1, 2, 3, tzinfo=UTC)
    assert parse_schedule("@every 1ms").find_next(start) == start.replace(microsecond=0) + timedelta(
        seconds=1
    )


@pytest.mark.parametrize(
    ("schedule", "problem"),
    [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * * * 7", "end of range (7) above maximum (6): 7"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("@reboot", "unrecognized descriptor: @reboot"),
        ("@every", "unrecognized descriptor: @every"),
        ("@every 5x", 'failed to parse duration @every 5x: time: unknown unit "x" in duration "5x"'),
        ("TZ=Mars/Base * * * * *", "provided bad location Mars/Base: unknown time zone Mars/Base"),
        ("0 0 ? * MON-fri", ""),
    ],
)
def test_wrong_schedules_are_rejected_in_upstreams_words(schedule: str, problem: str) -> None:
    assert find_schedule_problem(schedule) == problem
    if problem:
        with pytest.raises(ScheduleError):
            parse_schedule(schedule)


def test_zones_outside_the_database_are_rejected() -> None:
    with pytest.raises(ZoneError, match="invalid location name"):
        load_zone("../etc/passwd")


@pytest.fixture
def _without_system_zones() -> Iterator[None]:
    """A host without /usr/share/zoneinfo."""
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(to=before)
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("_without_system_zones")
def test_zones_come_with_the_components_as_upstreams_do() -> None:
    assert find_next("30 2 * * *", "2026-01-01 02:30", "Asia/Kolkata") == "2026-01-02 02:30+05:30"


@pytest.mark.parametrize("text", ["@every " + "1s" * 5_000, ",".join(["1-59/1"] * 5_000) + " * * * *"])
def test_a_very_long_schedule_is_refused(text: str) -> None:
    assert find_schedule_problem(text) == "a schedule must have no more than 4096 characters"


@pytest.mark.parametrize("digits", ["9" * 4_000, "0" * 4_000 + "5"])
def test_a_number_of_many_digits_is_read(digits: str) -> None:
    problem = find_schedule_problem(f"{digits} * * * *")
    assert ("value out of range" in problem) is digits.startswith("9")
