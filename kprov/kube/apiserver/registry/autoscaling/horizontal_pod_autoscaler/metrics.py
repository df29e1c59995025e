"""Metrics of autoscalers: their sources and targets.

Source: upstream pkg/apis/autoscaling/validation/validation.go.
"""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.autoscaling.horizontal_pod_autoscaler.references import (
    validate_reference,
    validate_reference_version,
)
from kprov.kube.apiserver.registry.generic import checks
from kprov.kube.apiserver.registry.generic.checks import Errors, parse_nanos
from kprov.kube.apiserver.registry.podspec.resources import check_container_resource_name
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
_BOTH_TARGETS: Final = "may not set both a target raw value and a target utilization"


def validate_described_version(metric: JsonObject, path: str) -> Errors:
    source = metric.get("object")
    if metric.get("type") == "Object" and source is not None:
        yield from validate_reference_version(source.get("describedObject") or {}, path, core=True)


def validate_metric(metric: JsonObject, path: str, *, any_version: bool) -> Errors:
    kind = metric.get("type", "")
    if not kind:
        yield field.required(f"{path}.type", "must specify a metric source type")
    if kind not in _TYPES:
        yield field.not_supported(f"{path}.type", kind, _TYPES)
    sources = [part for part in _SOURCES if metric.get(part) is not None]
    if sources:
        part = sources[0]
        yield from _validate_source(part, metric[part], f"{path}.{part}", any_version=any_version)
    expected = next((part for part, name in _SOURCES.items() if name == kind), None)
    if expected is None:
        yield field.not_supported(f"{path}.type", kind, _TYPES)
    elif expected not in sources:
        text = "must populate information for the given metric source"
        yield field.required(f"{path}.{expected}", text)
    if len(sources) != 1:
        for part in sources:
            if part != expected:
                yield field.forbidden(f"{path}.{part}", "must populate the given metric source only")


def _validate_source(part: str, source: JsonObject, path: str, *, any_version: bool) -> Errors:
    target = source.get("target") or {}
    if part == "object":
        described = source.get("describedObject") or {}
        yield from validate_reference(described, f"{path}.describedObject")
        if not any_version:
            yield from validate_reference_version(described, f"{path}.describedObject", core=True)
    if part in {"object", "external", "pods"}:
        metric = source.get("metric") or {}
        if not metric.get("name"):
            yield field.required(f"{path}.metric.name", "must specify a metric name")
        else:
            yield from checks.check_value(metric["name"], f"{path}.metric.name", names.is_path_segment_name)
    else:
        if not source.get("name"):
            yield field.required(f"{path}.name", "must specify a resource name")
        elif part == "containerResource":
            yield from check_container_resource_name(source["name"], f"{path}.name")
        if part == "containerResource":
            if not source.get("container"):
                yield field.required(f"{path}.container", "must specify a container")
            else:
                yield from checks.check_value(
                    source["container"], f"{path}.container", names.is_dns1123_label
                )
    yield from _validate_target(target, f"{path}.target")
    yield from _validate_required_target(part, target, f"{path}.target")


def _validate_required_target(part: str, target: JsonObject, path: str) -> Errors:
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
        yield field.forbidden(f"{path}.averageValue", _BOTH_TARGETS)


def _validate_target(target: JsonObject, path: str) -> Errors:
    kind = target.get("type", "")
    if not kind:
        yield field.required(f"{path}.type", "must specify a metric target type")
    if kind not in {"Utilization", "Value", "AverageValue"}:
        text = "must be either Utilization, Value, or AverageValue"
        yield field.invalid(f"{path}.type", kind, text)
    for part in ("value", "averageValue"):
        if target.get(part) is not None and parse_nanos(target[part]) <= 0:
            yield field.invalid(f"{path}.{part}", target[part], "must be positive")
    utilization = target.get("averageUtilization")
    if utilization is not None and utilization < 1:
        yield field.invalid(f"{path}.averageUtilization", utilization, "must be greater than 0")
