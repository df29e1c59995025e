"""The times of a schedule. Source: github.com/robfig/cron v3, spec.go and constantdelay.go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Protocol

_HOUR: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
#: The search ends after that many years: "0 0 31 2 *" has no time.
_YEARS: Final = 5


class Schedule(Protocol):
    """When something is due."""

    def find_next(self, after: datetime) -> datetime | None:
        """Return the first time after an aware datetime, in UTC.

        None if there is none in the next five years.
        """


@dataclass(frozen=True, slots=True)
class Interval:
    """The schedule of @every: a constant delay of whole seconds, at least one."""

    delay: timedelta

    def find_next(self, after: datetime) -> datetime:
        return after.astimezone(UTC).replace(microsecond=0) + self.delay


@dataclass(frozen=True, slots=True)
class Values:
    """The values of a field that match. is_any: the field has "*" or "?" without a step."""

    matching: frozenset[int]
    is_any: bool = False


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """A schedule of five fields in a time zone."""

    minutes: Values
    hours: Values
    days: Values
    months: Values
    #: 0 is Sunday.
    weekdays: Values
    zone: tzinfo

    def find_next(self, after: datetime) -> datetime | None:
        """See Schedule. A time that a clock change skips is no time of the schedule."""
        if not self.minutes.matching or not self.hours.matching:
            return None  # The field is "," alone. A search through five years of minutes takes seconds.
        moment = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        last_year = moment.astimezone(self.zone).year + _YEARS
        while (local := moment.astimezone(self.zone)).year <= last_year:
            if local.month not in self.months.matching:
                moment = self._find_next_month(local)
            elif not self._has_day(local):
                moment = self._find_next_day(local)
            elif local.hour not in self.hours.matching:
                moment += _HOUR - timedelta(minutes=local.minute, seconds=local.second)
            elif local.minute not in self.minutes.matching or local.second:
                moment += _MINUTE - timedelta(seconds=local.second)
            else:
                return moment
        return None

    def _has_day(self, local: datetime) -> bool:
        """Return whether the day matches. A restricted day of the month or weekday each matches alone."""
        day = local.day in self.days.matching
        weekday = local.isoweekday() % 7 in self.weekdays.matching
        return day and weekday if self.days.is_any or self.weekdays.is_any else day or weekday

    def _find_next_month(self, local: datetime) -> datetime:
        years, month = divmod(local.month, 12)
        moment = _from_wall_clock(datetime(local.year + years, month + 1, 1), self.zone)  # noqa: DTZ001
        # Where a clock change skips midnight, this may still be the evening before.
        while moment.astimezone(self.zone).month == local.month:
            moment += _HOUR
        return moment

    def _find_next_day(self, local: datetime) -> datetime:
        midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001
        while True:
            midnight += timedelta(days=1)
            moment = _from_wall_clock(midnight, self.zone)
            # Where a clock change skips midnight, the day begins at another hour. In zones east of Greenwich
            # this goes back to the day before. As upstream, the search then continues after the changed day.
            hour = moment.astimezone(self.zone).hour
            moment += timedelta(hours=24 - hour if hour > 12 else -hour)
            if moment.astimezone(self.zone).date() > local.date():
                return moment


def _from_wall_clock(wall: datetime, zone: tzinfo) -> datetime:
    """Return the time in UTC of a naive local time; where a clock change makes it ambiguous, as time.Date."""
    guess = wall.replace(tzinfo=UTC)
    guess -= guess.astimezone(zone).utcoffset() or timedelta()
    return wall.replace(tzinfo=UTC) - (guess.astimezone(zone).utcoffset() or timedelta())
