"""Kinds that make pods from a template: their defaults and what an update may change.

Source: upstream pkg/apis/{apps,batch,core}/v1/defaults.go, pkg/registry/{apps,batch,core}/*/strategy.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from kprov.kube.apiserver.registry.core.persistent_volume_claim import validation as claim_validation
from kprov.kube.apiserver.registry.generic import checks, metadata_update
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy, differs
from kprov.kube.apiserver.registry.podspec import defaults as podspec_defaults
from kprov.kube.apiserver.registry.podspec import template_validation
from kprov.kube.apiserver.registry.podspec import warnings as podspec_warnings
from kprov.kube.apiserver.registry.podspec.template_strategy import TemplateStrategy
from kprov.kube.apiserver.registry.strategies import apps_rules, job_rules, job_status_rules, status_rules
from kprov.kube.apiserver.request import RequestContext
from kprov.kube.machinery import status
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject

_INT32_MAX: Final = 2**31 - 1


class WorkloadStrategy(TemplateStrategy):
    new_status: Mapping[str, Any] | None = {}
    #: The template is a part of the spec, not a pointer that may be nil.
    has_template = True

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        if spec.get("template") is not None or self.has_template:
            podspec_defaults.default_template(spec.setdefault("template", {}))
        self.default_own(obj, spec)

    def default_own(self, obj: JsonObject, spec: JsonObject) -> None:
        """Fields beside the template."""

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        template = obj["spec"].get("template")
        if template is None or (old is not None and not self.warns_again(obj, old)):
            return []
        return podspec_warnings.pod_warnings(
            template.get("metadata") or {}, template["spec"], "spec.template"
        )

    def warns_again(self, obj: JsonObject, old: JsonObject) -> bool:
        """Whether an update tells what is to be said of the template."""
        generation: bool = obj["metadata"].get("generation") != old["metadata"].get("generation")
        return generation


class DeploymentStrategy(WorkloadStrategy):
    has_generation = True
    status_keeps = ("labels",)

    def default_own(self, obj: JsonObject, spec: JsonObject) -> None:
        _missing(spec, "replicas", 1)
        _missing(spec, "revisionHistoryLimit", 10)
        _missing(spec, "progressDeadlineSeconds", 600)
        strategy: JsonObject = spec.setdefault("strategy", {})
        strategy["type"] = strategy.get("type") or "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            rolling: JsonObject = strategy.setdefault("rollingUpdate", {})
            _missing(rolling, "maxUnavailable", "25%")
            _missing(rolling, "maxSurge", "25%")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(apps_rules.deployment(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*apps_rules.deployment(obj, old), *apps_rules.immutable_selector(obj, old)]

    def is_new_generation(self, obj: JsonObject, old: JsonObject) -> bool:
        """Replica sets have a deployment's annotations, too."""
        return super().is_new_generation(obj, old) or differs(obj, old, "annotations")

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.deployment(obj, old))


class ReplicaSetStrategy(WorkloadStrategy):
    has_generation = True
    new_status: Mapping[str, Any] | None = {"replicas": 0}

    def default_own(self, obj: JsonObject, spec: JsonObject) -> None:
        _missing(spec, "replicas", 1)

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"status.replicas": str((obj.get("status") or {}).get("replicas", 0))}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(apps_rules.replica_set(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*apps_rules.replica_set(obj, old), *apps_rules.immutable_selector(obj, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.replica_set(obj))


class ReplicationControllerStrategy(ReplicaSetStrategy):
    has_generation = True
    orphan_by_default = True
    has_template = False

    def default_own(self, obj: JsonObject, spec: JsonObject) -> None:
        _missing(spec, "replicas", 1)
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
        if labels:
            if not spec.get("selector"):
                spec["selector"] = dict(labels)
            if not obj["metadata"].get("labels"):
                obj["metadata"]["labels"] = dict(labels)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        self.default(obj)  # labels that it was sent without, of the template that it keeps

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        """Upstream warns of the template that an update replaces."""
        if old is None:
            return super().warnings(obj, None)
        return super().warnings(old, None) if self.warns_again(obj, old) else []

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(apps_rules.replication_controller(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(apps_rules.replication_controller(obj, old))


_TEMPLATE_GENERATION: Final = "deprecated.daemonset.template.generation"


class DaemonSetStrategy(WorkloadStrategy):
    has_generation = True

    def warns_again(self, obj: JsonObject, old: JsonObject) -> bool:
        different: bool = obj["spec"]["template"] != old["spec"]["template"]
        return different

    new_status: Mapping[str, Any] | None = {
        "currentNumberScheduled": 0,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 0,
        "numberReady": 0,
    }

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        annotations: JsonObject = obj["metadata"].setdefault("annotations", {})
        annotations[_TEMPLATE_GENERATION] = str(max(1, _template_generation(obj)))

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """The annotation is a field of old, which counts changes of the template."""
        super().prepare_for_update(context, obj, old)
        changed = obj["spec"]["template"] != old["spec"]["template"]
        annotations: JsonObject = obj["metadata"].setdefault("annotations", {})
        annotations[_TEMPLATE_GENERATION] = str(_template_generation(old) + changed)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        annotations: JsonObject = obj["metadata"].setdefault("annotations", {})
        annotations[_TEMPLATE_GENERATION] = str(_template_generation(old))

    def default_own(self, obj: JsonObject, spec: JsonObject) -> None:
        obj["metadata"].setdefault("annotations", {}).setdefault(_TEMPLATE_GENERATION, "0")
        _missing(spec, "revisionHistoryLimit", 10)
        strategy: JsonObject = spec.setdefault("updateStrategy", {})
        strategy["type"] = strategy.get("type") or "RollingUpdate"
        if strategy["type"] == "RollingUpdate":
            rolling: JsonObject = strategy.setdefault("rollingUpdate", {})
            _missing(rolling, "maxUnavailable", 1)
            _missing(rolling, "maxSurge", 0)
        elif strategy.get("rollingUpdate") is not None:
            # Upstream's internal type has numbers here, not pointers.
            _missing(strategy["rollingUpdate"], "maxUnavailable", 0)
            _missing(strategy["rollingUpdate"], "maxSurge", 0)

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(apps_rules.daemon_set(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*apps_rules.immutable_selector(obj, old), *apps_rules.daemon_set(obj, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.daemon_set(obj, old))


def _template_generation(obj: JsonObject) -> int:
    """Of a daemon set: the count of its templates, which stands in an annotation. BadRequest."""
    text = (obj["metadata"].get("annotations") or {}).get(_TEMPLATE_GENERATION, "0")
    if not re.fullmatch("[+-]?[0-9]+", text):
        told = f"strconv.ParseInt: parsing {status.quoted(text)}: invalid syntax"
        raise status.bad_request(f'DaemonSet in version "v1" cannot be handled as a DaemonSet: {told}')
    return int(text)


class StatefulSetStrategy(WorkloadStrategy):
    has_generation = True
    new_status: Mapping[str, Any] | None = {"replicas": 0, "availableReplicas": 0}

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        found = super().warnings(obj, old)
        for where, claim in checks.each(obj["spec"].get("volumeClaimTemplates"), "spec.volumeClaimTemplates"):
            found += claim_validation.warnings(claim["spec"], where)
        if (obj["spec"].get("revisionHistoryLimit") or 0) < 0:
            text = "a negative value retains all historical revisions; a value >= 0 is recommended"
            found.append(f"spec.revisionHistoryLimit: {text}")
        return found

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        (obj["spec"]["updateStrategy"].get("rollingUpdate") or {}).pop("maxUnavailable", None)

    def prepare_for_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        """A field whose feature is off stays where it was used."""
        before = old["spec"]["updateStrategy"].get("rollingUpdate") or {}
        if before.get("maxUnavailable") is None:
            (obj["spec"]["updateStrategy"].get("rollingUpdate") or {}).pop("maxUnavailable", None)
        super().prepare_for_update(context, obj, old)

    def default_own(self, obj: JsonObject, spec: JsonObject) -> None:
        spec["podManagementPolicy"] = spec.get("podManagementPolicy") or "OrderedReady"
        strategy: JsonObject = spec.setdefault("updateStrategy", {})
        if not strategy.get("type"):
            strategy["type"] = "RollingUpdate"
            strategy.setdefault("rollingUpdate", {})
        if strategy["type"] == "RollingUpdate" and strategy.get("rollingUpdate") is not None:
            _missing(strategy["rollingUpdate"], "partition", 0)
        retention: JsonObject = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
        for name in ("whenDeleted", "whenScaled"):
            retention[name] = retention.get(name) or "Retain"
        _missing(spec, "replicas", 1)
        _missing(spec, "revisionHistoryLimit", 10)
        for claim in spec.get("volumeClaimTemplates") or ():
            claim.setdefault("apiVersion", "v1")
            claim.setdefault("kind", "PersistentVolumeClaim")
            claim_spec: JsonObject = claim.setdefault("spec", {})
            _missing(claim_spec, "volumeMode", "Filesystem")
            claim.setdefault("status", {}).setdefault("phase", "Pending")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(apps_rules.stateful_set(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [*apps_rules.stateful_set(obj, old), *apps_rules.stateful_set_update(obj, old)]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(status_rules.stateful_set(obj, old))


class JobStrategy(WorkloadStrategy):
    has_generation = True
    orphan_by_default = True

    def deletion_warnings(self, options: Mapping[str, Any]) -> list[str]:
        if options.get("propagationPolicy") or options.get("orphanDependents") is not None:
            return []
        return [
            (
                "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background "
                "to remove them or set propagationPolicy=Orphan to suppress this warning"
            )
        ]

    def default_own(self, obj: JsonObject, spec: JsonObject) -> None:
        default_job_spec(spec)
        labels = spec["template"]["metadata"].get("labels")
        if labels and not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)

    def prepare_for_create(self, context: RequestContext, obj: JsonObject) -> None:
        super().prepare_for_create(context, obj)
        own = obj["spec"]["template"]["metadata"].get("labels") or {}
        defaulted = (obj["metadata"].get("labels") or {}) == own
        if not obj["spec"].get("manualSelector"):
            _generate_selector(obj)
        labels = obj["spec"]["template"]["metadata"].get("labels")
        if labels and defaulted:
            obj["metadata"]["labels"] = dict(labels)

    def prepare_for_status_update(self, context: RequestContext, obj: JsonObject, old: JsonObject) -> None:
        super().prepare_for_status_update(context, obj, old)
        self.default(obj)  # labels that it was sent without, of the template that it keeps

    def selectable_fields(self, obj: JsonObject) -> Mapping[str, str]:
        return {"status.successful": str((obj.get("status") or {}).get("succeeded", 0))}

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(job_rules.job(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return [
            *metadata_update.as_new_again(obj),
            *job_rules.job(obj, old),
            *metadata_update.as_change_again(obj, old),
            *job_rules.job_update(obj, old),
        ]

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(job_status_rules.job_status(obj, old))


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


def default_job_spec(spec: JsonObject) -> None:
    """Defaults of a job that templates of cron jobs have, too."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = spec["parallelism"] = 1
    _missing(spec, "parallelism", 1)
    _missing(spec, "backoffLimit", 6 if spec.get("backoffLimitPerIndex") is None else _INT32_MAX)
    _missing(spec, "completionMode", "NonIndexed")
    _missing(spec, "suspend", False)
    _missing(
        spec, "podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed"
    )
    _missing(spec, "manualSelector", False)
    _default_failure_policy(spec)


def _default_failure_policy(spec: JsonObject) -> None:
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            pattern["status"] = pattern.get("status") or "True"


class CronJobStrategy(TemplateStrategy):
    has_generation = True
    new_status: Mapping[str, Any] | None = {}

    def template(self, obj: JsonObject) -> JsonObject | None:
        found: JsonObject = obj["spec"]["jobTemplate"]["spec"]["template"]
        return found

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        spec["concurrencyPolicy"] = spec.get("concurrencyPolicy") or "Allow"
        _missing(spec, "suspend", False)
        _missing(spec, "successfulJobsHistoryLimit", 3)
        _missing(spec, "failedJobsHistoryLimit", 1)
        template: JsonObject = spec.setdefault("jobTemplate", {})
        template.setdefault("metadata", {})
        job: JsonObject = template.setdefault("spec", {})
        podspec_defaults.default_template(job.setdefault("template", {}))
        _default_failure_policy(job)

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        found = super().warnings(obj, old)
        if old is not None and "TZ" in obj["spec"].get("schedule", ""):
            # The doubled step of the path is upstream's.
            found.append(
                "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
                "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            )
        return found

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(job_rules.cron_job(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(job_rules.cron_job(obj, old))


class PodTemplateStrategy(TemplateStrategy):
    has_generation = True
    returns_deleted = True

    def template(self, obj: JsonObject) -> JsonObject | None:
        found: JsonObject = obj["template"]
        return found

    def default(self, obj: JsonObject) -> None:
        podspec_defaults.default_template(obj.setdefault("template", {}))

    def warnings(self, obj: JsonObject, old: JsonObject | None) -> list[str]:
        if old is not None and obj["metadata"].get("generation") == old["metadata"].get("generation"):
            return []
        template = obj["template"]
        return podspec_warnings.pod_warnings(template.get("metadata") or {}, template["spec"], "template")

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(template_validation.template(obj["template"], "template"))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(template_validation.template(obj["template"], "template", old["template"]))


class ControllerRevisionStrategy(ResourceStrategy):
    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(apps_rules.controller_revision(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(apps_rules.controller_revision_update(obj, old))


def _missing(owner: JsonObject, name: str, value: Any) -> None:
    """Set what is absent or null; zero and false are values."""
    if owner.get(name) is None:
        owner[name] = value
