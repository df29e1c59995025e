"""Cron jobs for tests. A schedule in the past and `lastScheduleTime` make a job due without waiting for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import merge
from tests.apiserver.workloads.conftest import Home
from tests.apiserver.workloads.jobs import build_job


def make_schedule(minutes_ago: float) -> str:
    """The schedule of a minute of the day, in UTC."""
    moment = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return f"{moment.minute} {moment.hour} * * *"


def create_cron_job(home: Home, name: str, schedule: str, *, command: str = "", **spec: Any) -> JsonObject:
    job = build_job(name, command=command)
    body = {"schedule": schedule, "timeZone": "Etc/UTC", **spec, "jobTemplate": {"spec": job["spec"]}}
    return home.create("cronjobs", {"metadata": {"name": name}, "spec": body})


def set_last_schedule(home: Home, name: str, **ago: float) -> None:
    """Let the last schedule be so long ago. The controller looks at the cron job at once."""
    moment = timestamps.show(datetime.now(UTC) - timedelta(**ago))
    merge(home.server, f"{home.path('cronjobs', name)}/status", {"status": {"lastScheduleTime": moment}})


def make_due_again(home: Home, name: str, minutes_ago: float) -> None:
    """Move the schedule to another minute that has passed since the last job."""
    home.merge("cronjobs", name, {"spec": {"schedule": make_schedule(minutes_ago)}})
    # A new schedule alone waits for its next time.
    home.merge("cronjobs", name, {"metadata": {"labels": {"look": str(minutes_ago)}}})


def list_active(home: Home, name: str) -> list[str]:
    """The names in status.active."""
    return [each["name"] for each in home.get("cronjobs", name)["status"].get("active", ())]
