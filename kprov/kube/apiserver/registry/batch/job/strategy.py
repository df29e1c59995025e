"""Jobs: the selector that the server generates, and labels.

Source: upstream pkg/registry/batch/job/strategy.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.batch.job.defaults import default_job_spec
from kprov.kube.apiserver.registry.batch.job.status import validate_job_status
from kprov.kube.apiserver.registry.batch.job.update import validate_job_update
from kprov.kube.apiserver.registry.batch.job.validation import validate_job
from kprov.kube.apiserver.registry.podspec.workload_strategy import WorkloadStrategy
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class JobStrategy(WorkloadStrategy):
    names_pods = True
    has_generation = True
    orphan_by_default = True

    def find_deletion_warnings(self, options: Mapping[str, Any]) -> list[str]:
        if options.get("propagationPolicy") or options.get("orphanDependents") is not None:
            return []
        return [
            (
                "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
                "to remove them or set propagationPolicy=Orphan to suppress this warning"
            )
        ]

    def default_fields(self, obj: JsonObject, spec: JsonObject) -> None:
        default_job_spec(spec)
        _default_labels(obj)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        own = obj["spec"]["template"]["metadata"].get("labels") or {}
        defaulted = bool(own) and obj["metadata"].get("labels") == own
        if not obj["spec"].get("manualSelector"):
            _generate_selector(obj)
        if defaulted:
            # Upstream's job and template share one map of labels then.
            obj["metadata"]["labels"] = dict(obj["spec"]["template"]["metadata"]["labels"])

    def complete(self, obj: JsonObject) -> None:
        _default_labels(obj)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        self.default(obj)  # an object sent without labels gets those of its template

    def list_selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"status.successful": str((obj.get("status") or {}).get("succeeded", 0))}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_job(obj, self.settings))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*validate_job(obj, self.settings, old), *validate_job_update(obj, self.settings, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_job_status(obj, old))


def _default_labels(obj: JsonObject) -> None:
    labels = obj["spec"]["template"]["metadata"].get("labels")
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)


def _generate_selector(obj: JsonObject) -> None:
    """Label the pods with the job's uid and name, and select these."""
    uid, name = obj["metadata"]["uid"], obj["metadata"].get("name", "")
    labels: JsonObject = obj["spec"]["template"]["metadata"].setdefault("labels", {})
    own = {"batch.kubernetes.io/controller-uid": uid}
    both = {"controller-uid": uid, "job-name": name, "batch.kubernetes.io/job-name": name}
    for key, value in (own | both).items():
        labels.setdefault(key, value)
    selector: JsonObject = obj["spec"].setdefault("selector", {})
    selector.setdefault("matchLabels", {}).update(own)
