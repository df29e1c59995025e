"""Cron jobs: upstream's conformance entries, and what lies beyond them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.workloads.conftest import Home
from tests.apiserver.workloads.cron_jobs import (
    create_cron_job,
    list_active,
    make_due_again,
    make_schedule,
    set_last_schedule,
)

_FAKE = "kubelet: a fake one reports the pods; a schedule in the past"
#: So long the controller gets to do what it must not do.
_QUIET_SECONDS = 2.0


@pytest.mark.entry("CronJob should schedule multiple jobs concurrently", without=_FAKE)
def test_two_jobs_run_at_once(home: Home) -> None:
    create_cron_job(home, "concurrent", make_schedule(5), concurrencyPolicy="Allow")
    set_last_schedule(home, "concurrent", hours=1)
    eventually(lambda: len(list_active(home, "concurrent")) == 1)
    make_due_again(home, "concurrent", 3)
    eventually(lambda: len(list_active(home, "concurrent")) == 2)
    assert {each["metadata"]["name"] for each in home.list("jobs")} == set(list_active(home, "concurrent"))
    # A change of the test may meet the controller's (409), which then finds a job that it did not write down.
    assert home.list_reasons("concurrent") - {"UnexpectedJob"} == {"SuccessfulCreate"}


@pytest.mark.entry("CronJob should not schedule jobs when suspended", without=_FAKE)
def test_a_suspended_cron_job_creates_no_job(home: Home) -> None:
    create_cron_job(home, "suspended", make_schedule(5), suspend=True)
    set_last_schedule(home, "suspended", hours=1)
    time.sleep(_QUIET_SECONDS)
    assert not home.list("jobs")
    home.merge("cronjobs", "suspended", {"spec": {"suspend": False}})
    eventually(lambda: len(home.list("jobs")) == 1)


@pytest.mark.entry("CronJob should not schedule new jobs when ForbidConcurrent", without=_FAKE)
def test_forbid_skips_a_time_while_a_job_runs(home: Home) -> None:
    create_cron_job(home, "forbid", make_schedule(5), concurrencyPolicy="Forbid")
    set_last_schedule(home, "forbid", hours=1)
    (first,) = eventually(lambda: list_active(home, "forbid"))
    make_due_again(home, "forbid", 3)
    home.wait_for_reason("forbid", "JobAlreadyActive")
    assert list_active(home, "forbid") == [first]
    assert [each["metadata"]["name"] for each in home.list("jobs")] == [first]


@pytest.mark.entry("CronJob should replace jobs when ReplaceConcurrent", without=_FAKE)
def test_replace_deletes_the_running_job(home: Home) -> None:
    create_cron_job(home, "replace", make_schedule(5), concurrencyPolicy="Replace")
    set_last_schedule(home, "replace", hours=1)
    (first,) = eventually(lambda: list_active(home, "replace"))
    make_due_again(home, "replace", 3)
    (second,) = eventually(lambda: [name for name in list_active(home, "replace") if name != first])
    assert list_active(home, "replace") == [second]
    eventually(lambda: [each["metadata"]["name"] for each in home.list("jobs")] == [second])


def test_a_job_starts_when_its_time_comes(home: Home) -> None:
    created = create_cron_job(home, "soon", "@every 3s")
    (job,) = eventually(lambda: home.list("jobs"))
    began, due = (datetime.fromisoformat(each["metadata"]["creationTimestamp"]) for each in (created, job))
    assert due - began >= timedelta(seconds=3)


def test_a_job_is_named_after_its_minute_and_says_its_time(home: Home) -> None:
    zone = ZoneInfo("Asia/Kolkata")
    due = (datetime.now(zone) - timedelta(minutes=7)).replace(second=0, microsecond=0)
    create_cron_job(home, "zoned", f"{due.minute} {due.hour} * * *", timeZone="Asia/Kolkata")
    set_last_schedule(home, "zoned", hours=1)
    (job,) = eventually(lambda: home.list("jobs"))
    assert job["metadata"]["name"] == f"zoned-{int(due.timestamp()) // 60}"
    annotation = job["metadata"]["annotations"]["batch.kubernetes.io/cronjob-scheduled-timestamp"]
    assert annotation == due.isoformat()
    (owner,) = job["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("CronJob", "zoned", True)
    shown = due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    eventually(lambda: home.get("cronjobs", "zoned")["status"]["lastScheduleTime"] == shown)


def test_finished_jobs_leave_the_active_list_and_only_the_newest_stay(home: Home) -> None:
    create_cron_job(home, "history", make_schedule(9), command="exit 0", successfulJobsHistoryLimit=1)
    set_last_schedule(home, "history", hours=1)
    first = eventually(lambda: home.list("jobs"))[0]["metadata"]["name"]
    eventually(lambda: home.get("cronjobs", "history")["status"].get("lastSuccessfulTime"))
    eventually(lambda: not list_active(home, "history"))
    home.wait_for_reason("history", "SawCompletedJob")
    make_due_again(home, "history", 3)
    eventually(lambda: [job for job in home.list("jobs") if job["metadata"]["name"] != first])
    eventually(lambda: first not in {job["metadata"]["name"] for job in home.list("jobs")})
    assert len(home.list("jobs")) == 1
    home.wait_for_reason("history", "SuccessfulDelete")


def test_a_time_that_is_missed_by_more_than_the_deadline_starts_nothing(home: Home) -> None:
    create_cron_job(home, "late", make_schedule(5), startingDeadlineSeconds=30)
    set_last_schedule(home, "late", hours=1)
    time.sleep(_QUIET_SECONDS)
    assert not home.list("jobs")


def test_many_missed_times_start_one_job_and_a_warning(home: Home) -> None:
    create_cron_job(home, "missed", "*/1 * * * *", concurrencyPolicy="Forbid")
    set_last_schedule(home, "missed", hours=3)
    home.wait_for_reason("missed", "TooManyMissedTimes")
    eventually(lambda: len(home.list("jobs")) == 1)


def test_an_active_job_that_someone_deletes_goes_missing(home: Home) -> None:
    create_cron_job(home, "missing", make_schedule(5))
    set_last_schedule(home, "missing", hours=1)
    (name,) = eventually(lambda: list_active(home, "missing"))
    home.delete("jobs", name)
    home.wait_for_reason("missing", "MissingJob")
    eventually(lambda: not list_active(home, "missing"))
    # The same time does not get a second job.
    assert not home.list("jobs")


def test_deleting_a_cron_job_deletes_its_jobs_and_pods(home: Home) -> None:
    create_cron_job(home, "gone", make_schedule(5))
    set_last_schedule(home, "gone", hours=1)
    eventually(lambda: home.list("pods"))
    home.delete("cronjobs", "gone", "Foreground")
    eventually(lambda: not home.list("pods") and not home.list("jobs"))
    eventually(lambda: not home.exists("cronjobs", "gone"))
