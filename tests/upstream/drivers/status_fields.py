"""/status of every kind that has one: written with fields of its schema, read, and what does not belong there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kprov.kube.machinery.resources import find_kind, split_api_version
from tests.upstream import samples
from tests.upstream.drivers.kinds import release
from tests.upstream.steps import Step

_CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Because",
    "message": "text",
    "lastTransitionTime": "2024-01-01T00:00:00Z",
}
#: What a controller would write, by kind.
_STATUSES: dict[str, Any] = {
    "Deployment": {"replicas": 2, "updatedReplicas": 1, "conditions": [_CONDITION]},
    "ReplicaSet": {"replicas": 2, "readyReplicas": 3},
    "StatefulSet": {"replicas": 2, "currentRevision": "a", "collisionCount": -1},
    "DaemonSet": {"currentNumberScheduled": 1, "numberMisscheduled": -1, "desiredNumberScheduled": 1, "numberReady": 1},
    "ReplicationController": {"replicas": 1, "availableReplicas": 2},
    "Job": {"active": 1, "succeeded": 1, "completedIndexes": "0", "startTime": "2024-01-01T00:00:00Z"},
    "CronJob": {"active": [{"kind": "Job", "name": "j"}], "lastScheduleTime": "2024-01-01T00:00:00Z"},
    "HorizontalPodAutoscaler": {"currentReplicas": -1, "desiredReplicas": 1, "currentMetrics": None},
    "PodDisruptionBudget": {"disruptionsAllowed": -1, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1},
    "Namespace": {"phase": "Active", "conditions": [_CONDITION]},
    "Node": {"capacity": {"cpu": "8", "bad name": "1"}, "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}] * 2},
    "PersistentVolume": {"phase": "Available"},
    "PersistentVolumeClaim": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "conditions": [_CONDITION]},
    "ResourceQuota": {"hard": {"pods": "1"}, "used": {"pods": "-1"}},
    "Service": {"loadBalancer": {"ingress": [{"hostname": "a.example"}]}, "conditions": [_CONDITION]},
    "Ingress": {"loadBalancer": {"ingress": [{"ip": "10.0.0.1", "ports": [{"port": 80, "protocol": "TCP"}]}]}},
    "ServiceCIDR": {"conditions": [_CONDITION]},
    "ResourceClaim": {"reservedFor": [{"resource": "pods", "name": "p", "uid": "u"}]},
    "VolumeAttachment": {"attached": True, "attachmentMetadata": {"a": "b"}},
    "PriorityLevelConfiguration": {"conditions": [_CONDITION]},
}  # fmt: skip


def steps() -> Iterator[Step]:
    for kind in samples.kinds():
        body = samples.find(kind)
        resource = find_kind(*split_api_version(body["apiVersion"]), kind)
        if resource is None or resource.subresource("status") is None or kind == "FlowSchema":
            continue
        name = body["metadata"]["name"]
        one, status = f"{kind}/{name}", _STATUSES.get(kind, {"unknown": 1})
        yield Step(
            f"create {kind}", f"POST {kind}", body | {"status": status}, only=("status", "body.status")
        )
        yield Step(f"merge {kind}", f"PATCH {one}/status", {"status": status}, type="merge")
        yield Step(f"strategic {kind}", f"PATCH {one}/status", {"status": status}, type="strategic")
        yield Step(f"put {kind}", f"PUT {one}/status", body | {"status": status})
        yield Step(f"empty {kind}", f"PUT {one}/status", body | {"status": {}})
        yield Step(f"a list for {kind}", f"PATCH {one}/status", {"status": []}, type="merge")
        yield Step(
            f"labels of {kind}",
            f"PATCH {one}/status",
            {"metadata": {"labels": {"s": "t"}, "finalizers": ["a.example/b"]}},
            type="merge",
        )
        yield Step(f"spec of {kind}", f"PATCH {one}/status", {"spec": None}, type="merge")
        yield Step(f"read {kind}", f"GET {one}/status")
        yield Step(
            f"apply {kind}",
            f"PATCH {one}/status?fieldManager=a&force=true",
            {"apiVersion": body["apiVersion"], "kind": kind, "metadata": {"name": name}, "status": status},
            type="apply",
        )
        yield Step(f"delete {kind}", f"DELETE {one}?gracePeriodSeconds=0", only=("status",))
        yield release(one)
