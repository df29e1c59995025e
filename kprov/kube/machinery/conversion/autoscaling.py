"""autoscaling/v1 HorizontalPodAutoscaler and autoscaling/v2.

v1 has CPU utilization only. Its annotations carry all other metrics, the behavior and the conditions.
Source: upstream pkg/apis/autoscaling/v1/conversion.go, pkg/apis/autoscaling/annotations.go.
"""

from __future__ import annotations

import json
from typing import Any, Final

from kprov.kube.machinery.conversion import autoscaling_metrics as metrics
from kprov.kube.machinery.json_object import JsonObject

_PREFIX: Final = "autoscaling.alpha.kubernetes.io"
_METRICS: Final = f"{_PREFIX}/metrics"
_CURRENT: Final = f"{_PREFIX}/current-metrics"
_CONDITIONS: Final = f"{_PREFIX}/conditions"
_BEHAVIOR: Final = f"{_PREFIX}/behavior"
_ALL: Final = (_METRICS, _CURRENT, _CONDITIONS, _BEHAVIOR)
_KEPT_STATUS: Final = ("observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas")
_CPU: Final = 80


def to_v1(obj: JsonObject) -> JsonObject:
    """Convert to autoscaling/v1."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    annotations = _without_ours(obj)
    wanted: JsonObject = {
        name: spec[name] for name in ("scaleTargetRef", "minReplicas", "maxReplicas") if name in spec
    }
    others = []
    for metric in spec.get("metrics") or ():
        utilization = metrics.cpu_utilization(metric, "target")
        if utilization is None:
            others.append(metrics.spec_to_v1(metric))
        else:
            wanted.setdefault("targetCPUUtilizationPercentage", utilization)
    if others:
        annotations[_METRICS] = _json(others)
    shown: JsonObject = {name: status[name] for name in _KEPT_STATUS if name in status}
    if "status" in obj:
        shown = {"currentReplicas": 0, "desiredReplicas": 0, **shown}
    current = status.get("currentMetrics") or ()
    for metric in current:
        utilization = metrics.cpu_utilization(metric, "current")
        if utilization is not None:
            shown["currentCPUUtilizationPercentage"] = utilization
    if current:
        annotations[_CURRENT] = _json([metrics.status_to_v1(metric) for metric in current])
    if spec.get("behavior"):
        annotations[_BEHAVIOR] = _json(metrics.behavior_to_annotation(spec["behavior"]))
    if status.get("conditions"):
        annotations[_CONDITIONS] = _json(status["conditions"])
    return _make_object(obj, "autoscaling/v1", annotations, wanted, shown)


def to_v2(obj: JsonObject) -> JsonObject:
    """Convert to autoscaling/v2. Drop annotations that cannot be read, as upstream does."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    wanted: JsonObject = {
        name: spec[name] for name in ("scaleTargetRef", "minReplicas", "maxReplicas") if name in spec
    }
    metric_specs = [metrics.spec_to_v2(metric) for metric in _list(annotations.get(_METRICS))]
    utilization = spec.get("targetCPUUtilizationPercentage")
    if utilization is not None or not metric_specs:
        metric_specs.append(metrics.cpu_target(_CPU if utilization is None else utilization))
    wanted["metrics"] = metric_specs
    behavior = _load_json(annotations.get(_BEHAVIOR))
    if isinstance(behavior, dict) and behavior:
        wanted["behavior"] = metrics.behavior_from_annotation(behavior)
    shown: JsonObject = {name: status[name] for name in _KEPT_STATUS if name in status}
    current = [metrics.status_to_v2(metric) for metric in _list(annotations.get(_CURRENT))]
    if not current and status.get("currentCPUUtilizationPercentage") is not None:
        current = [metrics.cpu_current(status["currentCPUUtilizationPercentage"])]
    if current:
        shown["currentMetrics"] = current
    conditions = _list(annotations.get(_CONDITIONS))
    if conditions:
        shown["conditions"] = conditions
    return _make_object(obj, "autoscaling/v2", _without_ours(obj), wanted, shown)


def _make_object(
    obj: JsonObject, api_version: str, annotations: JsonObject, spec: JsonObject, status: JsonObject
) -> JsonObject:
    metadata = {name: value for name, value in (obj.get("metadata") or {}).items() if name != "annotations"}
    if annotations:
        metadata["annotations"] = annotations
    result = {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": api_version,
        "metadata": metadata,
        "spec": spec,
    }
    return result | ({"status": status} if "status" in obj else {})


def _without_ours(obj: JsonObject) -> JsonObject:
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    return {name: value for name, value in annotations.items() if name not in _ALL}


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _load_json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return None


def _list(text: str | None) -> list[Any]:
    document = _load_json(text)
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        return []
    return document
