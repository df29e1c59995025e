"""Versions of one object: what goes to the stored version comes back the same."""

from __future__ import annotations

import json
from typing import Any

from kprov.kube.machinery.conversion import table
from kprov.kube.machinery.conversion.table import Conversion
from kprov.kube.machinery.resources import find

PREFIX = "autoscaling.alpha.kubernetes.io"
METRICS = [
    {
        "type": "Pods",
        "pods": {"metric": {"name": "q"}, "target": {"type": "AverageValue", "averageValue": "10"}},
    },
    {
        "type": "Object",
        "object": {
            "metric": {"name": "r", "selector": {"matchLabels": {"a": "b"}}},
            "describedObject": {"kind": "Service", "name": "s"},
            "target": {"type": "Value", "value": "1k"},
        },
    },
    {
        "type": "External",
        "external": {"metric": {"name": "e"}, "target": {"type": "AverageValue", "averageValue": "7"}},
    },
    {
        "type": "ContainerResource",
        "containerResource": {
            "name": "memory",
            "container": "c",
            "target": {"type": "AverageValue", "averageValue": "1Gi"},
        },
    },
    {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
    },
]


def conversion(group: str, version: str, plural: str) -> Conversion:
    resource = find(group, version, plural)
    assert resource is not None
    found = table.find_conversion(resource)
    assert found is not None
    return found


def autoscaler(**spec: Any) -> dict[str, Any]:
    return {
        "kind": "HorizontalPodAutoscaler",
        "apiVersion": "autoscaling/v2",
        "metadata": {"name": "a", "annotations": {"mine": "stays"}},
        "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3, **spec},
        "status": {
            "currentReplicas": 1,
            "desiredReplicas": 2,
            "currentMetrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "current": {"averageUtilization": 3, "averageValue": "3m"}},
                }
            ],
            "conditions": [{"type": "AbleToScale", "status": "True"}],
        },
    }


def test_conversion_to_v1_and_back_keeps_a_v2_autoscaler() -> None:
    convert = conversion("autoscaling", "v1", "horizontalpodautoscalers")
    policies = [{"type": "Pods", "value": 4, "periodSeconds": 15}]
    behavior = {"scaleUp": {"stabilizationWindowSeconds": 5, "policies": policies}}
    before = autoscaler(metrics=METRICS, behavior=behavior)
    served = convert.to_served(json.loads(json.dumps(before)))
    assert served["apiVersion"] == "autoscaling/v1"
    assert served["spec"]["targetCPUUtilizationPercentage"] == 70
    assert served["status"]["currentCPUUtilizationPercentage"] == 3
    assert "metrics" not in served["spec"]
    assert convert.to_stored(served) == before


def test_a_v1_autoscaler_converts_to_a_v2_cpu_metric() -> None:
    convert = conversion("autoscaling", "v1", "horizontalpodautoscalers")
    made = {"metadata": {"name": "a"}, "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50}}
    (metric,) = convert.to_stored(made)["spec"]["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}
    (metric,) = convert.to_stored({"metadata": {"name": "a"}, "spec": {"maxReplicas": 3}})["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 80


def test_conversion_drops_invalid_autoscaler_annotations() -> None:
    convert = conversion("autoscaling", "v1", "horizontalpodautoscalers")
    annotations = {f"{PREFIX}/metrics": "[1]", f"{PREFIX}/conditions": "{", f"{PREFIX}/behavior": "[]"}
    made = convert.to_stored({"metadata": {"name": "a", "annotations": annotations}, "spec": {}})
    assert made["metadata"] == {"name": "a"}
    assert len(made["spec"]["metrics"]) == 1
    assert "behavior" not in made["spec"]


def test_conversion_renames_the_fields_of_events() -> None:
    convert = conversion("events.k8s.io", "v1", "events")
    event = {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod"},
        "message": "m",
        "reportingComponent": "c",
        "count": 2,
        "source": {"component": "old"},
        "reason": "R",
    }
    served = convert.to_served(event)
    assert served["regarding"] == {"kind": "Pod"}
    assert (served["note"], served["reportingController"], served["deprecatedCount"]) == ("m", "c", 2)
    assert convert.to_stored(served) == event


def test_most_resources_have_no_conversion() -> None:
    pods = find("", "v1", "pods")
    assert pods is not None
    assert table.find_conversion(pods) is None
    assert table.stored_resource(pods) is pods
