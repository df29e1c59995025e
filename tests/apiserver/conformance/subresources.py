"""Objects of the entries about statuses, scales and collections, as data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kprov.kube.machinery.json_object import JsonObject

_POD = {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]}
_TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": _POD}
_SELECTS = {"selector": {"matchLabels": {"app": "a"}}, "template": _TEMPLATE}
_CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Mi"}}}
_DISK = {"driver": "e2e.example.com", "volumeHandle": "e2e-status-conformance"}
_NOW = "2024-01-01T00:00:00Z"
_HEALTHY = {"expectedPods": 3, "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1}


@dataclass(frozen=True, slots=True)
class Of:
    """A kind of an entry. path: of the group version; body: of the object, without metadata."""

    entry: str
    path: str
    plural: str
    body: JsonObject
    namespaced: bool = True

    def collection(self, namespace: str = "") -> str:
        """Of a namespace, or of all."""
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.path}{scope}/{self.plural}"


@dataclass(frozen=True, slots=True)
class Status(Of):
    """update, patch: what the status is made to say; not_through_status: changes of a spec that must not last."""

    update: JsonObject = field(default_factory=dict)
    patch: JsonObject = field(default_factory=dict)
    not_through_status: JsonObject = field(default_factory=dict)


def _condition(name: str, **more: str) -> JsonObject:
    return {"type": name, "status": "True", "reason": "E2E", "message": "Set from e2e test", **more}


def _conditions(**more: str) -> dict[str, Any]:
    return {
        "update": {"conditions": [_condition("StatusUpdate", **more)]},
        "patch": {"conditions": [_condition("StatusPatched", **more)]},
    }


_APPS = "/apis/apps/v1"
_PODS: JsonObject = {"spec": _POD}
_SETS: JsonObject = {"spec": {"replicas": 1, **_SELECTS}}
_STATEFUL: JsonObject = {"spec": {"replicas": 1, "serviceName": "test", **_SELECTS}}
_BUDGET: JsonObject = {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"foo": "bar"}}}}
_JOB: JsonObject = {
    "spec": {"suspend": True, "template": {"spec": {**_POD, "restartPolicy": "Never"}}, "parallelism": 2}
}
_VOLUME: JsonObject = {
    "spec": {"capacity": {"storage": "2Mi"}, "accessModes": ["ReadWriteOnce"], "csi": _DISK}
}
_ATTACHMENT: JsonObject = {
    "spec": {"attacher": "e2e.example.com", "nodeName": "none", "source": {"persistentVolumeName": "p"}}
}
_STATEFUL_ENTRY = "StatefulSet Basic StatefulSet functionality"
_PV_STATUS = "PersistentVolumes CSI Conformance should apply changes to a pv/pvc status"

STATUSES = (
    Status(
        "Deployment should validate Deployment Status endpoints",
        _APPS,
        "deployments",
        _SETS,
        **_conditions(lastTransitionTime=_NOW, lastUpdateTime=_NOW),
        not_through_status={"replicas": 9},
    ),
    Status(
        "ReplicaSet should validate Replicaset Status endpoints",
        _APPS,
        "replicasets",
        _SETS,
        **_conditions(lastTransitionTime=_NOW),
        not_through_status={"replicas": 9},
    ),
    Status(
        f"{_STATEFUL_ENTRY} should validate Statefulset Status endpoints",
        _APPS,
        "statefulsets",
        _STATEFUL,
        **_conditions(lastTransitionTime=_NOW),
        not_through_status={"replicas": 9},
    ),
    Status(
        "Daemon set should verify changes to a daemon set status",
        _APPS,
        "daemonsets",
        {"spec": _SELECTS},
        **_conditions(lastTransitionTime=_NOW),
        not_through_status={"minReadySeconds": 9},
    ),
    Status(
        "Job should apply changes to a job status",
        "/apis/batch/v1",
        "jobs",
        _JOB,
        update={
            "conditions": [_condition("CustomConditionType", lastProbeTime=_NOW, lastTransitionTime=_NOW)]
        },
        patch={"startTime": _NOW},
        not_through_status={"parallelism": 9},
    ),
    Status(
        "DisruptionController should update/patch PodDisruptionBudget status",
        "/apis/policy/v1",
        "poddisruptionbudgets",
        _BUDGET,
        update={**_HEALTHY, "disruptedPods": {"rand-pod-name": _NOW}, "observedGeneration": 1},
        patch={"disruptionsAllowed": 2},
        not_through_status={"minAvailable": 9},
    ),
    Status(
        "VolumeAttachment Conformance should apply changes to a volumeattachment status",
        "/apis/storage.k8s.io/v1",
        "volumeattachments",
        _ATTACHMENT,
        False,
        update={"attached": True},
        patch={"attached": False},
        not_through_status={"attacher": "another.example.com"},
    ),
    Status(
        _PV_STATUS,
        "/api/v1",
        "persistentvolumes",
        _VOLUME,
        False,
        # The server stamps a change of phase with its own time, unless the client names one.
        update={
            "phase": "Available",
            "message": "StatusUpdate",
            "reason": "E2E statusUpdate",
            "lastPhaseTransitionTime": _NOW,
        },
        patch={"message": "StatusPatched", "reason": "E2E patchStatus"},
        not_through_status={"storageClassName": "another"},
    ),
    Status(
        _PV_STATUS,
        "/api/v1",
        "persistentvolumeclaims",
        {"spec": _CLAIM},
        **_conditions(lastProbeTime=_NOW, lastTransitionTime=_NOW),
        not_through_status={"storageClassName": "another"},
    ),
)

SCALES = (
    Of("Deployment Deployment should have a working scale subresource", _APPS, "deployments", _SETS),
    Of("ReplicaSet Replicaset should have a working scale subresource", _APPS, "replicasets", _SETS),
    Of(f"{_STATEFUL_ENTRY} should have a working scale subresource", _APPS, "statefulsets", _STATEFUL),
    Of(
        "ReplicationController should get and update a ReplicationController scale",
        "/api/v1",
        "replicationcontrollers",
        {"spec": {"replicas": 1, "template": _TEMPLATE}},
    ),
)

COLLECTIONS = (
    Of(
        "Daemon set should list and delete a collection of DaemonSets",
        _APPS,
        "daemonsets",
        {"spec": _SELECTS},
    ),
    Of("ReplicaSet should list and delete a collection of ReplicaSets", _APPS, "replicasets", _SETS),
    Of(
        f"{_STATEFUL_ENTRY} should list, patch and delete a collection of StatefulSets",
        _APPS,
        "statefulsets",
        _STATEFUL,
    ),
    Of(
        "DisruptionController Listing PodDisruptionBudgets for all namespaces "
        "should list and delete a collection of PodDisruptionBudgets",
        "/apis/policy/v1",
        "poddisruptionbudgets",
        _BUDGET,
    ),
    Of(
        "PodTemplates should delete a collection of pod templates",
        "/api/v1",
        "podtemplates",
        {"template": _TEMPLATE},
    ),
    Of("Pods should delete a collection of pods", "/api/v1", "pods", _PODS),
    Of(
        "Services should delete a collection of services",
        "/api/v1",
        "services",
        {"spec": {"selector": {"a": "b"}, "ports": [{"name": "http", "port": 80, "targetPort": 80}]}},
    ),
    Of(
        "LimitRange should list, patch and delete a LimitRange by collection",
        "/api/v1",
        "limitranges",
        {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "1"}}]}},
    ),
)
