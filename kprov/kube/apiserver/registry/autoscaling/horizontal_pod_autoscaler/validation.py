"""Field rules of horizontal pod autoscalers: replicas, target and behavior.

Source: upstream pkg/apis/autoscaling/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.autoscaling.horizontal_pod_autoscaler.metrics import (
    validate_described_version,
    validate_metric,
)
from kprov.kube.apiserver.registry.autoscaling.horizontal_pod_autoscaler.references import (
    validate_reference,
    validate_reference_version,
)
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import (
    Errors,
    check_not_negative,
    enumerate_items,
    parse_nanos,
)
from kprov.kube.machinery import field
from kprov.kube.machinery.json_object import JsonObject

_WINDOW_MAX: Final = 3600
_PERIOD_MAX: Final = 1800


def validate_autoscaler(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """Field rules of an autoscaler. Zero replicas and invalid API versions that `old` has are accepted."""
    spec, before = obj["spec"], (old or {}).get("spec") or {}
    least, most = spec["minReplicas"], spec.get("maxReplicas") or 0
    lowest = 0 if before.get("minReplicas") == 0 else 1
    if least < lowest:
        yield field.invalid("spec.minReplicas", least, f"must be greater than or equal to {lowest}")
    if most == 0:
        yield field.required("spec.maxReplicas", "must be set and greater than 0")
    elif most < 0:
        yield field.invalid("spec.maxReplicas", most, "must be greater than or equal to 1")
    if most < least:
        yield field.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`")
    target = spec.get("scaleTargetRef") or {}
    yield from validate_reference(target, "spec.scaleTargetRef")
    if old is None or not _is_same_kind(target, before.get("scaleTargetRef") or {}):
        core = target.get("kind") == "ReplicationController"
        yield from validate_reference_version(target, "spec.scaleTargetRef", core=core)
    had_wrong = any(
        True for metric in before.get("metrics") or () for _ in validate_described_version(metric, "")
    )
    for where, metric in enumerate_items(spec.get("metrics"), "spec.metrics"):
        yield from validate_metric(metric, where, any_version=had_wrong)
    kinds = {metric.get("type") for metric in spec.get("metrics") or ()}
    if least == 0 and not kinds & {"Object", "External"}:
        text = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield field.forbidden("spec.metrics", text)
    for part in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(part)
        if rules is not None:
            yield from _validate_scaling_rules(rules, f"spec.behavior.{part}")


def _is_same_kind(new: JsonObject, old: JsonObject) -> bool:
    return all((new.get(part) or "") == (old.get(part) or "") for part in ("apiVersion", "kind"))


def _validate_scaling_rules(rules: JsonObject, path: str) -> Errors:
    window, where = rules.get("stabilizationWindowSeconds"), f"{path}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        yield field.invalid(where, window, "must be greater than or equal to zero")
    if window is not None and window > _WINDOW_MAX:
        yield field.invalid(where, window, f"must be less than or equal to {_WINDOW_MAX}")
    yield from checks.check_enum(
        rules.get("selectPolicy"), f"{path}.selectPolicy", ["Disabled", "Max", "Min"]
    )
    if not rules.get("policies"):
        yield field.required(f"{path}.policies", "must specify at least one Policy")
    for place, policy in enumerate_items(rules.get("policies"), f"{path}.policies"):
        yield from checks.check_enum(policy.get("type", ""), f"{place}.type", ["Percent", "Pods"])
        for part in ("value", "periodSeconds"):
            if (policy.get(part) or 0) <= 0:
                yield field.invalid(f"{place}.{part}", policy.get(part) or 0, "must be greater than zero")
        seconds = policy.get("periodSeconds") or 0
        if seconds > _PERIOD_MAX:
            text = f"must be less than or equal to {_PERIOD_MAX}"
            yield field.invalid(f"{place}.periodSeconds", seconds, text)
    tolerance = rules.get("tolerance")
    if tolerance is not None and parse_nanos(tolerance) < 0:
        yield field.invalid(f"{path}.tolerance", tolerance, checks.NOT_NEGATIVE)


def validate_autoscaler_status(obj: JsonObject) -> Errors:
    yield from check_not_negative(obj.get("status") or {}, "status", "currentReplicas", "desiredReplicas")
