"""Metrics of an autoscaler in v1's flat and v2's nested form.

v1: {"pods": {"metricName": "m", "targetAverageValue": "1"}};
v2: {"pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "1"}}}.
Source: upstream pkg/apis/autoscaling/v1/conversion.go.
"""

from __future__ import annotations

from typing import Any, Final

from kprov.kube.machinery.json_object import JsonObject

_SOURCES: Final = ("object", "pods", "resource", "containerResource", "external")
#: By metric source: the v1 names of (value, averageValue, averageUtilization) in a spec, and in a status.
_TARGETS: Final = {
    "object": ("targetValue", "averageValue", None),
    "pods": (None, "targetAverageValue", None),
    "resource": (None, "targetAverageValue", "targetAverageUtilization"),
    "containerResource": (None, "targetAverageValue", "targetAverageUtilization"),
    "external": ("targetValue", "targetAverageValue", None),
}
_CURRENTS: Final = {
    "object": ("currentValue", "averageValue", None),
    "pods": (None, "currentAverageValue", None),
    "resource": (None, "currentAverageValue", "currentAverageUtilization"),
    "containerResource": (None, "currentAverageValue", "currentAverageUtilization"),
    "external": ("currentValue", "currentAverageValue", None),
}
#: Quantities that v1 always writes.
_ALWAYS: Final = {
    "targetValue": {"object"},
    "targetAverageValue": {"pods"},
    "currentValue": {"object", "external"},
    "currentAverageValue": {"pods", "resource", "containerResource"},
}
#: Annotations list fields in the order of upstream's structs.
_ORDER: Final = (
    *("target", "name", "metricName", "metricSelector", "targetAverageUtilization", "targetValue"),
    *("currentAverageUtilization", "currentValue", "targetAverageValue", "currentAverageValue"),
    *("container", "selector", "averageValue"),
)
_PARTS: Final = ("value", "averageValue", "averageUtilization")


def cpu_utilization(metric: JsonObject, part: str) -> int | None:
    """Return the utilization of a v2 CPU metric, None for other metrics. part: "target" or "current"."""
    held = metric.get("resource") or {}
    if metric.get("type") != "Resource" or held.get("name") != "cpu":
        return None
    average_utilization: int | None = (held.get(part) or {}).get("averageUtilization")
    return average_utilization


def cpu_target(utilization: int) -> JsonObject:
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def cpu_current(utilization: int) -> JsonObject:
    return {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": utilization}}}


def spec_to_v1(metric: JsonObject) -> JsonObject:
    return _to_v1(metric, "target", _TARGETS)


def status_to_v1(metric: JsonObject) -> JsonObject:
    return _to_v1(metric, "current", _CURRENTS)


def spec_to_v2(metric: JsonObject) -> JsonObject:
    return _to_v2(metric, "target", _TARGETS)


def status_to_v2(metric: JsonObject) -> JsonObject:
    return _to_v2(metric, "current", _CURRENTS)


def _to_v1(metric: JsonObject, part: str, names: dict[str, tuple[str | None, str, str | None]]) -> JsonObject:
    result: JsonObject = {"type": metric.get("type", "")}
    for source in _SOURCES:
        held = metric.get(source)
        if held is None:
            continue
        flat = _identity_to_v1(source, held)
        for name, value_name in zip(names[source], _PARTS, strict=True):
            value = (held.get(part) or {}).get(value_name)
            if name is not None and value is None and source in _ALWAYS.get(name, ()):
                value = "0"
            if name is not None and value is not None:
                flat[name] = value
        result[source] = {name: flat[name] for name in _ORDER if name in flat}
    return result


def _identity_to_v1(source: str, held: JsonObject) -> JsonObject:
    flat: JsonObject = {}
    if source == "object":
        flat["target"] = held.get("describedObject") or {}
    if source in {"resource", "containerResource"}:
        flat["name"] = held.get("name", "")
        if source == "containerResource":
            flat["container"] = held.get("container", "")
        return flat
    metric = held.get("metric") or {}
    flat["metricName"] = metric.get("name", "")
    if metric.get("selector") is not None:
        flat["metricSelector" if source == "external" else "selector"] = metric["selector"]
    return flat


def _to_v2(metric: JsonObject, part: str, names: dict[str, tuple[str | None, str, str | None]]) -> JsonObject:
    result: JsonObject = {"type": metric.get("type", "")}
    for source in _SOURCES:
        flat = metric.get(source)
        if not isinstance(flat, dict):
            continue
        held = _identity_to_v2(source, flat)
        values = {
            value_name: flat[name]
            for name, value_name in zip(names[source], _PARTS, strict=True)
            if name is not None and flat.get(name) is not None
        }
        if part == "target":
            if source == "object" and "averageValue" in values and values.get("value") in {"0", 0}:
                del values["value"]
            values = {"type": _target_type(source, values), **values}
        held[part] = values
        result[source] = held
    return result


def _target_type(source: str, values: JsonObject) -> str:
    if "averageUtilization" in values:
        return "Utilization"
    if source == "object" and "averageValue" in values:
        return "AverageValue"
    return "Value" if "value" in values else "AverageValue"


def _identity_to_v2(source: str, flat: JsonObject) -> JsonObject:
    if source in {"resource", "containerResource"}:
        return {name: flat.get(name, "") for name in ("name", "container") if name in flat}
    metric: JsonObject = {"name": flat.get("metricName", "")}
    selector = flat.get("metricSelector" if source == "external" else "selector")
    if selector is not None:
        metric["selector"] = selector
    held: JsonObject = {"metric": metric}
    if source == "object":
        held["describedObject"] = flat.get("target") or {}
    return held


def behavior_to_annotation(behavior: JsonObject) -> JsonObject:
    """Encode the behavior under the field names of upstream's internal type, as the annotation has them."""
    return {
        name: _rules(behavior.get(wire))
        for name, wire in (("ScaleUp", "scaleUp"), ("ScaleDown", "scaleDown"))
    }


def _rules(rules: JsonObject | None) -> JsonObject | None:
    if rules is None:
        return None
    return {
        "StabilizationWindowSeconds": rules.get("stabilizationWindowSeconds"),
        "SelectPolicy": rules.get("selectPolicy"),
        "Policies": [
            {
                "Type": policy.get("type", ""),
                "Value": policy.get("value", 0),
                "PeriodSeconds": policy.get("periodSeconds", 0),
            }
            for policy in rules["policies"]
        ]
        if rules.get("policies") is not None
        else None,
        "Tolerance": rules.get("tolerance"),
    }


def behavior_from_annotation(held: Any) -> Any:
    """Decode the annotation: field names start with a small letter again, nulls are dropped."""
    if isinstance(held, dict):
        return {
            name[:1].lower() + name[1:]: behavior_from_annotation(value)
            for name, value in held.items()
            if value is not None
        }
    return [behavior_from_annotation(entry) for entry in held] if isinstance(held, list) else held
