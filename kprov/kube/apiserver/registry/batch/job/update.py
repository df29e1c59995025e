"""What an update of a job may change.

Source: upstream pkg/apis/batch/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.batch.job.validation import validate_spec_and_selector
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors
from kprov.kube.apiserver.registry.generic.server_settings import ServerSettings
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

#: Scheduling fields of a pod spec.
_PLACEMENT_FIELDS: Final = ("nodeSelector", "tolerations", "schedulingGates")


def validate_job_update(obj: JsonObject, settings: ServerSettings, old: JsonObject) -> Errors:
    spec, before = obj["spec"], old["spec"]
    yield from validate_spec_and_selector(spec, settings, old["spec"])
    if spec.get("completions") != before.get("completions"):
        wanted = spec.get("completions")
        if spec.get("completionMode") != "Indexed":
            yield field.invalid("spec.completions", wanted, checks.IMMUTABLE)
        elif wanted is not None and wanted != spec.get("parallelism"):
            text = "can only be modified in tandem with spec.parallelism"
            yield field.invalid("spec.completions", wanted, text)
    yield from checks.check_immutable(spec, before, "spec", "selector")
    if not _may_change_placement(old):
        yield from checks.check_immutable(spec, before, "spec", "template")
    elif _drop_placement(spec["template"]["spec"]) != _drop_placement(before["template"]["spec"]):
        yield field.invalid("spec.template.spec", spec["template"]["spec"], checks.IMMUTABLE)
    parts = ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy")
    yield from checks.check_immutable(spec, before, "spec", *parts)


def _may_change_placement(job: JsonObject) -> bool:
    """Whether scheduling fields and resources may change: the job is suspended without pods."""
    status = job.get("status") or {}
    suspended = any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    waiting = suspended or not status.get("startTime")
    return bool(job["spec"].get("suspend") and waiting and not status.get("active"))


def _drop_placement(spec: JsonObject) -> JsonObject:
    """Return the pod spec without the fields that may change in a suspended job."""
    pods = {name: value for name, value in spec.items() if name not in _PLACEMENT_FIELDS}
    affinity = {
        name: value for name, value in (pods.pop("affinity", None) or {}).items() if name != "nodeAffinity"
    }
    for kind in ("containers", "initContainers"):
        if pods.get(kind):
            pods[kind] = [{**container, "resources": None} for container in pods[kind]]
    return pods | ({"affinity": affinity} if affinity else {})
