"""Field rules of cron jobs.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from kprov.kube.apiserver.registry.batch.cron_job.time_zone import validate_time_zone
from kprov.kube.apiserver.registry.batch.job.validation import validate_job_spec
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, check_not_negative
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.machinery import field
from kprov.kube.machinery.cron.parser import find_schedule_problem
from kprov.kube.machinery.json_object import JsonObject


def validate_cron_job(obj: JsonObject, settings: ServerSettings, old: JsonObject | None = None) -> Errors:
    spec = obj["spec"]
    name = obj["metadata"].get("name", "")
    if old is None and len(name) > 52:
        yield field.invalid("metadata.name", name, "must be no more than 52 characters")
    schedule, zone = spec.get("schedule", ""), spec.get("timeZone")
    if not schedule:
        yield field.required("spec.schedule")
    else:
        had = "TZ" in (old or {"spec": {}})["spec"].get("schedule", "")
        yield from _validate_schedule(schedule, zone, had=had)
    yield from check_not_negative(spec, "spec", "startingDeadlineSeconds")
    if zone is not None and (old is None or old["spec"].get("timeZone") != zone):
        yield from validate_time_zone(zone, "spec.timeZone")
    supported = ["Allow", "Forbid", "Replace"]
    yield from checks.check_enum(spec["concurrencyPolicy"], "spec.concurrencyPolicy", supported)
    template = spec["jobTemplate"]["spec"]
    before = old["spec"]["jobTemplate"]["spec"] if old else None
    yield from validate_job_spec(template, "spec.jobTemplate.spec", settings, before)
    if template.get("selector") is not None:
        path = "spec.jobTemplate.spec.selector"
        yield field.invalid(path, template["selector"], "`selector` will be auto-generated")
    if template.get("manualSelector"):
        yield field.not_supported("spec.jobTemplate.spec.manualSelector", True, ["nil", "false"])
    yield from check_not_negative(spec, "spec", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def _validate_schedule(schedule: str, zone: str | None, *, had: bool) -> Errors:
    path = "spec.schedule"
    problem = find_schedule_problem(schedule)
    if problem:
        yield field.invalid(path, schedule, problem)
    if "TZ" not in schedule:
        return
    if not had:
        text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield field.invalid(path, schedule, text)
    elif zone is not None:
        text = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
        yield field.invalid(path, schedule, text)
