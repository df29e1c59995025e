"""Horizontal pod autoscalers.

Source: upstream pkg/apis/autoscaling/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, each, nanos
from kprov.kube.apiserver.registry.podspec.resources import container_resource_name
from kprov.kube.machinery import field, names
from kprov.kube.machinery.json_object import JsonObject

_SOURCES: Final = {
    "object": "Object",
    "external": "External",
    "pods": "Pods",
    "resource": "Resource",
    "containerResource": "ContainerResource",
}
_TYPES: Final = sorted(_SOURCES.values())
_WINDOW_MAX: Final = 3600
_PERIOD_MAX: Final = 1800
_BOTH: Final = "may not set both a target raw value and a target utilization"


def autoscaler(obj: JsonObject, old: JsonObject | None = None) -> Errors:
    """`old`: what an update changes; its zero replicas and versions that are none may stay."""
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
    yield from _named(target, "spec.scaleTargetRef")
    if old is None or not _is_same_kind(target, before.get("scaleTargetRef") or {}):
        core = target.get("kind") == "ReplicationController"
        yield from _version(target, "spec.scaleTargetRef", core=core)
    had_wrong = any(True for metric in before.get("metrics") or () for _ in _described_version(metric, ""))
    for where, metric in each(spec.get("metrics"), "spec.metrics"):
        yield from _metric(metric, where, any_version=had_wrong)
    kinds = {metric.get("type") for metric in spec.get("metrics") or ()}
    if least == 0 and not kinds & {"Object", "External"}:
        text = "must specify at least one Object or External metric to support scaling to zero replicas"
        yield field.forbidden("spec.metrics", text)
    for part in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(part)
        if rules is not None:
            yield from _rules(rules, f"spec.behavior.{part}")


def _is_same_kind(new: JsonObject, old: JsonObject) -> bool:
    return all((new.get(part) or "") == (old.get(part) or "") for part in ("apiVersion", "kind"))


def _named(reference: JsonObject, path: str) -> Errors:
    for part in ("kind", "name"):
        yield from checks.needed(reference, path, part, names.is_path_segment_name)


def _described_version(metric: JsonObject, path: str) -> Errors:
    source = metric.get("object")
    if metric.get("type") == "Object" and source is not None:
        yield from _version(source.get("describedObject") or {}, path, core=True)


def _version(reference: JsonObject, path: str, *, core: bool) -> Errors:
    """`core`: whether kinds of the core group may be named."""
    version = reference.get("apiVersion", "")
    if version.count("/") > 1:
        text = f"unexpected GroupVersion string: {version}"
        yield field.invalid(f"{path}.apiVersion", version, text)
    elif not core and not version.rpartition("/")[0]:
        yield field.invalid(f"{path}.apiVersion", version, "apiVersion must specify API group")


def _rules(rules: JsonObject, path: str) -> Errors:
    window, where = rules.get("stabilizationWindowSeconds"), f"{path}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        yield field.invalid(where, window, "must be greater than or equal to zero")
    if window is not None and window > _WINDOW_MAX:
        yield field.invalid(where, window, f"must be less than or equal to {_WINDOW_MAX}")
    yield from checks.one_of(rules.get("selectPolicy"), f"{path}.selectPolicy", ["Disabled", "Max", "Min"])
    if not rules.get("policies"):
        yield field.required(f"{path}.policies", "must specify at least one Policy")
    for place, policy in each(rules.get("policies"), f"{path}.policies"):
        yield from checks.one_of(policy.get("type", ""), f"{place}.type", ["Percent", "Pods"])
        for part in ("value", "periodSeconds"):
            if (policy.get(part) or 0) <= 0:
                yield field.invalid(f"{place}.{part}", policy.get(part) or 0, "must be greater than zero")
        seconds = policy.get("periodSeconds") or 0
        if seconds > _PERIOD_MAX:
            text = f"must be less than or equal to {_PERIOD_MAX}"
            yield field.invalid(f"{place}.periodSeconds", seconds, text)
    tolerance = rules.get("tolerance")
    if tolerance is not None and nanos(tolerance) < 0:
        yield field.invalid(f"{path}.tolerance", tolerance, checks.NOT_NEGATIVE)


def _metric(metric: JsonObject, path: str, *, any_version: bool) -> Errors:
    kind = metric.get("type", "")
    if not kind:
        yield field.required(f"{path}.type", "must specify a metric source type")
    if kind not in _TYPES:
        yield field.not_supported(f"{path}.type", kind, _TYPES)
    given = [part for part in _SOURCES if metric.get(part) is not None]
    if given:
        part = given[0]
        yield from _source(part, metric[part], f"{path}.{part}", any_version=any_version)
    expected = next((part for part, name in _SOURCES.items() if name == kind), None)
    if expected is None:
        yield field.not_supported(f"{path}.type", kind, _TYPES)
    elif expected not in given:
        text = "must populate information for the given metric source"
        yield field.required(f"{path}.{expected}", text)
    if len(given) != 1:
        for part in given:
            if part != expected:
                yield field.forbidden(f"{path}.{part}", "must populate the given metric source only")


def _source(part: str, source: JsonObject, path: str, *, any_version: bool) -> Errors:
    target = source.get("target") or {}
    if part == "object":
        described = source.get("describedObject") or {}
        yield from _named(described, f"{path}.describedObject")
        if not any_version:
            yield from _version(described, f"{path}.describedObject", core=True)
    if part in {"object", "external", "pods"}:
        metric = source.get("metric") or {}
        if not metric.get("name"):
            yield field.required(f"{path}.metric.name", "must specify a metric name")
        else:
            yield from checks.named(metric["name"], f"{path}.metric.name", names.is_path_segment_name)
    else:
        if not source.get("name"):
            yield field.required(f"{path}.name", "must specify a resource name")
        elif part == "containerResource":
            yield from container_resource_name(source["name"], f"{path}.name")
        if part == "containerResource":
            if not source.get("container"):
                yield field.required(f"{path}.container", "must specify a container")
            else:
                yield from checks.named(source["container"], f"{path}.container", names.is_dns1123_label)
    yield from _metric_target(target, f"{path}.target")
    yield from _needed_target(part, target, f"{path}.target")


def _needed_target(part: str, target: JsonObject, path: str) -> Errors:
    value, average = target.get("value"), target.get("averageValue")
    utilization = target.get("averageUtilization")
    if part in {"object", "external"}:
        if value is None and average is None:
            text = {
                "object": "must set either a target value or averageValue",
                "external": "must set either a target value for metric or a per-pod target",
            }[part]
            yield field.required(f"{path}.averageValue", text)
        if part == "external" and value is not None and average is not None:
            text = "may not set both a target value for metric and a per-pod target"
            yield field.forbidden(f"{path}.value", text)
    elif part == "pods":
        if average is None:
            yield field.required(f"{path}.averageValue", "must specify a positive target averageValue")
    elif utilization is None and average is None:
        text = "must set either a target raw value or a target utilization"
        yield field.required(f"{path}.averageUtilization", text)
    elif utilization is not None and average is not None:
        yield field.forbidden(f"{path}.averageValue", _BOTH)


def _metric_target(target: JsonObject, path: str) -> Errors:
    kind = target.get("type", "")
    if not kind:
        yield field.required(f"{path}.type", "must specify a metric target type")
    if kind not in {"Utilization", "Value", "AverageValue"}:
        text = "must be either Utilization, Value, or AverageValue"
        yield field.invalid(f"{path}.type", kind, text)
    for part in ("value", "averageValue"):
        if target.get(part) is not None and nanos(target[part]) <= 0:
            yield field.invalid(f"{path}.{part}", target[part], "must be positive")
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        yield field.invalid(f"{path}.averageUtilization", utilization, "must be greater than 0")
