"""Horizontal pod autoscalers: defaults.

Source: upstream pkg/registry/autoscaling/horizontalpodautoscaler/strategy.go,
pkg/apis/autoscaling/v2/defaults.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kprov.kube.apiserver.registry.autoscaling.horizontal_pod_autoscaler.validation import (
    validate_autoscaler,
    validate_autoscaler_status,
)
from kprov.kube.apiserver.registry.generic.defaulting import set_default
from kprov.kube.apiserver.registry.generic.resource_strategy import ResourceStrategy
from kprov.kube.machinery.field import FieldError
from kprov.kube.machinery.json_object import JsonObject


class HorizontalPodAutoscalerStrategy(ResourceStrategy):
    new_status: Mapping[str, Any] | None = {"desiredReplicas": 0, "currentMetrics": None}

    def default(self, obj: JsonObject) -> None:
        spec: JsonObject = obj.setdefault("spec", {})
        set_default(spec, "minReplicas", 1)
        if not spec.get("metrics"):
            target = {"type": "Utilization", "averageUtilization": 80}
            spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
        behavior = spec.get("behavior")
        if behavior is not None:
            percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
            up: JsonObject = behavior.setdefault("scaleUp", {})
            set_default(up, "stabilizationWindowSeconds", 0)
            set_default(up, "selectPolicy", "Max")
            set_default(up, "policies", [{"type": "Pods", "value": 4, "periodSeconds": 15}, dict(percent)])
            down: JsonObject = behavior.setdefault("scaleDown", {})
            set_default(down, "selectPolicy", "Max")
            set_default(down, "policies", [dict(percent)])

    def validate(self, obj: JsonObject) -> list[FieldError]:
        return list(validate_autoscaler(obj))

    def validate_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_autoscaler(obj, old))

    def validate_status_update(self, obj: JsonObject, old: JsonObject) -> list[FieldError]:
        return list(validate_autoscaler_status(obj))
