"""Cron jobs: defaults and warnings.

Source: upstream pkg/registry/batch/cronjob/strategy.go, pkg/apis/batch/v1/defaults.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.batch.cron_job.validation import validate_cron_job
from kprov.kube.apiserver.registry.batch.job.defaults import default_pod_failure_policy
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.podspec import defaults as podspec_defaults
from kprov.kube.apiserver.registry.podspec.template_strategy import TemplateStrategy
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class CronJobStrategy(TemplateStrategy):
    names_pods = True
    any_finalizer_updates = frozenset({"status"})
    has_generation = True
    template_path = ("spec", "jobTemplate", "spec", "template")
    new_status: Mapping[str, Any] | None = {}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        spec["concurrencyPolicy"] = spec.get("concurrencyPolicy") or "Allow"
        set_default(spec, "suspend", False)
        set_default(spec, "successfulJobsHistoryLimit", 3)
        set_default(spec, "failedJobsHistoryLimit", 1)
        template: JsonObject = spec.setdefault("jobTemplate", {})
        template.setdefault("metadata", {})
        job: JsonObject = template.setdefault("spec", {})
        podspec_defaults.default_template(job.setdefault("template", {}))
        default_pod_failure_policy(job)

    def find_warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        warnings = super().find_warnings(obj, old)
        if old is not None and "TZ" in obj["spec"].get("schedule", ""):
            # The text says spec.spec, as upstream's does.
            warnings.append(
                "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
                "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            )
        return warnings

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_cron_job(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_cron_job(obj, self.settings, old))
