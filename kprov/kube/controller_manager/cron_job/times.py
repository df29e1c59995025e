"""When a cron job is due, and what it missed (pkg/controller/cronjob/utils.go)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from kprov.kube.api.batch import CronJob
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.cron.parser import ScheduleError, parse_schedule
from kprov.kube.machinery.cron.schedule import Schedule
from kprov.kube.machinery.cron.zones import ZoneError, load_zone

#: The next sync comes so long after the scheduled time, as clocks differ a little.
_LATE: Final = timedelta(milliseconds=100)
#: More missed times than this get a warning.
MANY: Final = 100
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Missed:
    """The result of `find_missed`.

    since: where the search began. latest: the last time that is due, None if nothing is due. count: about how
    many times have passed.
    """

    since: datetime
    latest: datetime | None = None
    count: int = 0


def load_schedule(cron_job: CronJob) -> Schedule:
    """Return the schedule in the cron job's time zone. Raises ScheduleError."""
    spec = cron_job.spec
    if spec.time_zone is None or "TZ" in spec.schedule:
        return parse_schedule(spec.schedule)
    try:
        load_zone(spec.time_zone)
    except ZoneError:
        return parse_schedule(spec.schedule)
    return parse_schedule(f"TZ={spec.time_zone} {spec.schedule}")


def find_missed(cron_job: CronJob, schedule: Schedule, now: datetime, *, in_deadline: bool) -> Missed:
    """Return the last scheduled time up to `now` (mostRecentScheduleTime).

    in_deadline: look back no further than startingDeadlineSeconds. Raises ScheduleError if it has no times.
    """
    since = timestamps.parse(cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp or "")
    deadline = cron_job.spec.starting_deadline_seconds
    if in_deadline and deadline is not None:
        since = max(since, _subtract_seconds(now, deadline))
    first = schedule.find_next(since)
    second = schedule.find_next(first) if first else None
    if first is None or second is None:
        raise ScheduleError("time difference between two schedules is less than 1 second")
    if now < first:
        return Missed(since)
    if now < second:
        return Missed(since, first)
    distance = max(round((second - first) / _SECOND), 1)
    count = int((now - first) / _SECOND) // distance + 1
    # An estimate, as the times need not have equal distances. Begin one distance before it.
    at: datetime | None = first + timedelta(seconds=(count - 2) * distance)
    latest = None
    while at is not None and (at := schedule.find_next(at)) is not None and at <= now:
        latest = at
    return Missed(since, latest, count)


def compute_wait(cron_job: CronJob, schedule: Schedule, now: datetime) -> float | None:
    """Seconds until the next sync (nextScheduleTimeDuration). None if there is no next time."""
    try:
        missed = find_missed(cron_job, schedule, now, in_deadline=False)
    except ScheduleError:
        start = now
    else:
        start = missed.latest or (now if missed.count else missed.since)
    following = schedule.find_next(start)
    return None if following is None else (following + _LATE - now).total_seconds()


def is_too_late(cron_job: CronJob, scheduled: datetime, now: datetime) -> bool:
    """Whether startingDeadlineSeconds have passed."""
    deadline = cron_job.spec.starting_deadline_seconds
    return deadline is not None and scheduled < _subtract_seconds(now, deadline)


def make_job_name(cron_job: CronJob, scheduled: datetime) -> str:
    """Return a name for each scheduled time, so that a time never gets two jobs."""
    return f"{cron_job.metadata.name}-{int(scheduled.timestamp()) // 60}"


def show_scheduled(cron_job: CronJob, scheduled: datetime) -> str:
    """Return the annotation of the scheduled time: RFC 3339 in the cron job's time zone."""
    local = scheduled.astimezone(load_zone(cron_job.spec.time_zone or ""))
    return local.isoformat(timespec="seconds").replace("+00:00", "Z")


def _subtract_seconds(moment: datetime, seconds: int) -> datetime:
    try:
        return moment - timedelta(seconds=seconds)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC)
