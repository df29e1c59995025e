"""A cluster of many pods as its objects in etcd: nodes, deployments with their replica sets, services and budgets.

One object of each kind is posted, so that the server defaults it; the others are copies of what it stored.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Iterable
from typing import Any, Final

import orjson

from tests.apiserver.servers import ApiServer

NAMESPACE: Final = "load"
PODS_OF_A_SET: Final = 100
_NODES: Final = 100
_LONGEST_SECONDS: Final = 600.0
_NOW: Final = "2026-01-01T00:00:00Z"
_HASH: Final = "5f9c8d7b66"
_REPLICAS: Final = {"replicas": PODS_OF_A_SET, "readyReplicas": PODS_OF_A_SET, "observedGeneration": 1}
_AVAILABLE: Final = {**_REPLICAS, "availableReplicas": PODS_OF_A_SET}
_APPS: Final = f"/apis/apps/v1/namespaces/{NAMESPACE}"
_CORE: Final = f"/api/v1/namespaces/{NAMESPACE}"


def make_pod_spec() -> dict[str, Any]:
    """A pod of one container with what pods usually have, bound to a node."""
    token = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {
            "configMap": {
                "name": "kube-root-ca.crt",
                "items": [{"key": "ca.crt", "path": "ca.crt"}],
            }
        },
    ]
    container = {
        "name": "app",
        "image": "registry.example.org/team/app:1.27.3",
        "env": [{"name": f"VARIABLE_{index}", "value": "value " * 4} for index in range(10)],
        "ports": [{"name": "http", "containerPort": 8080}],
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi"},
            "limits": {"memory": "64Mi"},
        },
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}},
        "volumeMounts": [
            {"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": True}
        ],
    }
    return {
        "containers": [container],
        "volumes": [{"name": "token", "projected": {"sources": token}}],
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 0,
        "tolerations": [
            {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for taint in ("not-ready", "unreachable")
        ],
    }  # fmt: skip


def make_running_status(number: int, start: str = _NOW) -> dict[str, Any]:
    """The status that a kubelet reports of a ready pod. number: gives the pod its address."""
    address = f"10.{64 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
    conditions = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    container = {
        "name": "app",
        "image": "registry.example.org/team/app:1.27.3",
        "imageID": "registry.example.org/team/app@sha256:" + "0123456789abcdef" * 4,
        "containerID": f"containerd://{uuid.uuid4().hex}{uuid.uuid4().hex}",
        "ready": True,
        "started": True,
        "restartCount": 0,
        "lastState": {},
        "state": {"running": {"startedAt": start}},
    }
    return {
        "phase": "Running",
        "conditions": [
            {"type": each, "status": "True", "lastProbeTime": None, "lastTransitionTime": start}
            for each in conditions
        ],
        "hostIP": "192.0.2.1",
        "hostIPs": [{"ip": "192.0.2.1"}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": start,
        "containerStatuses": [container],
    }


class Cluster:
    """The namespace with its quota and nodes, and deployments of a hundred pods with a service and a budget."""

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._sets = 0
        _post(server, "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        hard = {"pods": "1000000", "requests.cpu": "1000000", "services": "100000"}
        _post(server, f"{_CORE}/resourcequotas", {"metadata": {"name": "all"}, "spec": {"hard": hard}})
        _store_nodes(server)
        self._models = _make_models(server)

    def grow(self, pods: int) -> None:
        """Add deployments until there are so many pods."""
        values: dict[str, bytes] = {}
        for number in range(self._sets, pods // PODS_OF_A_SET):
            values |= _copy_set(self._models, number)
        self._server.etcd.put_all(values)
        self._sets = pods // PODS_OF_A_SET

    def add_single_pods(self, names: Iterable[str]) -> None:
        """Add pods without an owner."""
        values = {}
        for number, name in enumerate(names):
            pod = _copy(self._models["pods"], name, labels={"app": "single"})
            pod["status"] = make_running_status(number)
            values[f"{_folder('pods')}/{NAMESPACE}/{name}"] = _encode(pod)
        self._server.etcd.put_all(values)


def wait_for_slices(server: ApiServer, pods: int) -> None:
    """Return once every service has its endpoint slice, so that the controllers have all objects."""
    end = time.monotonic() + _LONGEST_SECONDS
    path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices?limit=1"
    while time.monotonic() < end:
        # A server that reads very many objects may not answer in time.
        with contextlib.suppress(TimeoutError):
            found = server.get(path).json
            if len(found["items"]) + found["metadata"].get("remainingItemCount", 0) >= pods // PODS_OF_A_SET:
                return
        time.sleep(1)
    raise SystemExit("services have no endpoint slices")


def pod_name(number: int) -> str:
    return f"{replica_set_name(number // PODS_OF_A_SET)}-{number % PODS_OF_A_SET:05}"


def replica_set_name(number: int) -> str:
    return f"app-{number}-{_HASH}"


def _store_nodes(server: ApiServer) -> None:
    model = store_model(server, "/api/v1/nodes", "/registry/minions", {"metadata": {"name": "model"}})
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": _NOW, "lastTransitionTime": _NOW}
    size = {"cpu": "64", "memory": "256Gi", "pods": "1000"}
    model["status"] = {"conditions": [ready], "capacity": size, "allocatable": size}
    for number in range(_NODES):
        name = f"node-{number}"
        node = _copy(model, name, labels={"kubernetes.io/hostname": name})
        server.etcd.put(f"/registry/minions/{name}", _encode(node))


def _make_models(server: ApiServer) -> dict[str, dict[str, Any]]:
    """One stored object of each kind, by its folder in etcd."""
    labels = {"app": "model"}
    template = {"metadata": {"labels": labels}, "spec": make_pod_spec()}
    selector = {"matchLabels": labels}
    spec = {"replicas": PODS_OF_A_SET, "selector": selector, "template": template}
    ports = [{"port": 80, "targetPort": "http"}]
    metadata = {"name": "model", "labels": labels}
    bodies = {
        "deployments": (_APPS, {"spec": spec}),
        "replicasets": (_APPS, {"spec": spec}),
        "pods": (_CORE, {"spec": {**make_pod_spec(), "nodeName": "node-0"}}),
        "services": (_CORE, {"spec": {"clusterIP": "None", "selector": labels, "ports": ports}}),
        "poddisruptionbudgets": (
            f"/apis/policy/v1/namespaces/{NAMESPACE}",
            {"spec": {"selector": selector, "maxUnavailable": 10}},
        ),
    }
    return {
        plural: store_model(
            server, f"{path}/{plural}", f"{_folder(plural)}/{NAMESPACE}", {"metadata": metadata, **body}
        )
        for plural, (path, body) in bodies.items()
    }


def _copy_set(models: dict[str, dict[str, Any]], number: int) -> dict[str, bytes]:
    """A deployment, its replica set, its pods, its service and its budget, by their keys in etcd."""
    name = f"app-{number}"
    app = {"app": name}
    hashed = {**app, "pod-template-hash": _HASH}
    deployment = _copy(models["deployments"], name, labels=app)
    deployment["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "1"}
    deployment["spec"]["selector"] = {"matchLabels": app}
    deployment["spec"]["template"]["metadata"]["labels"] = app
    condition = {"status": "True", "lastUpdateTime": _NOW, "lastTransitionTime": _NOW}
    conditions = [
        {"type": "Available", "reason": "MinimumReplicasAvailable", **condition},
        {"type": "Progressing", "reason": "NewReplicaSetAvailable", **condition},
    ]
    deployment["status"] = {**_AVAILABLE, "updatedReplicas": PODS_OF_A_SET, "conditions": conditions}
    replica_set = _copy(models["replicasets"], replica_set_name(number), labels=hashed)
    replica_set["metadata"]["ownerReferences"] = [_refer(deployment, "apps/v1", "Deployment")]
    replica_set["metadata"]["annotations"] = {
        "deployment.kubernetes.io/desired-replicas": str(PODS_OF_A_SET),
        "deployment.kubernetes.io/max-replicas": str(PODS_OF_A_SET * 5 // 4),
        "deployment.kubernetes.io/revision": "1",
    }
    replica_set["spec"]["selector"] = {"matchLabels": hashed}
    replica_set["spec"]["template"]["metadata"]["labels"] = hashed
    replica_set["status"] = {**_AVAILABLE, "fullyLabeledReplicas": PODS_OF_A_SET}
    service = _copy(models["services"], name, labels=app)
    service["spec"]["selector"] = app
    budget = _copy(models["poddisruptionbudgets"], name, labels=app)
    budget["spec"]["selector"] = {"matchLabels": app}
    found = [("deployments", deployment), ("replicasets", replica_set)]
    found += [("services", service), ("poddisruptionbudgets", budget)]
    owner = _refer(replica_set, "apps/v1", "ReplicaSet")
    for index in range(number * PODS_OF_A_SET, (number + 1) * PODS_OF_A_SET):
        pod = _copy(models["pods"], pod_name(index), labels=hashed)
        pod["metadata"] |= {"generateName": f"{name}-{_HASH}-", "ownerReferences": [owner]}
        pod["spec"]["nodeName"] = f"node-{index % _NODES}"
        pod["status"] = make_running_status(index, _make_time(index))
        # Admission gives the volume of the service account's token a random name.
        token = f"kube-api-access-{uuid.uuid4().hex[:5]}"
        pod["spec"]["volumes"][0]["name"] = token
        pod["spec"]["containers"][0]["volumeMounts"][0]["name"] = token
        found.append(("pods", pod))
    return {f"{_folder(plural)}/{NAMESPACE}/{obj['metadata']['name']}": _encode(obj) for plural, obj in found}


def _make_time(number: int) -> str:
    """Pods do not start at the same time."""
    return f"2026-01-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"


def _folder(plural: str) -> str:
    return f"/registry/{'services/specs' if plural == 'services' else plural}"


def _copy(model: dict[str, Any], name: str, *, labels: dict[str, str]) -> dict[str, Any]:
    obj: dict[str, Any] = orjson.loads(orjson.dumps(model))
    obj["metadata"] |= {"name": name, "labels": labels, "uid": str(uuid.uuid4()), "creationTimestamp": _NOW}
    return obj


def _refer(owner: dict[str, Any], version: str, kind: str) -> dict[str, Any]:
    metadata = owner["metadata"]
    return {
        "apiVersion": version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"],
        "controller": True, "blockOwnerDeletion": True,
    }  # fmt: skip


def store_model(server: ApiServer, path: str, folder: str, body: dict[str, Any]) -> dict[str, Any]:
    """What the server stores of a body. The object itself is deleted. folder: that of its key in etcd."""
    name = body["metadata"]["name"]
    _post(server, path, body)
    key = f"{folder}/{name}"
    stored: dict[str, Any] = json.loads(server.etcd.value(key))
    gone = server.ask("DELETE", f"{path}/{name}", {"gracePeriodSeconds": 0})
    if gone.status >= 300:
        raise SystemExit(f"DELETE {path}/{name}: {gone.body.decode()}")
    return stored


def _post(server: ApiServer, path: str, body: dict[str, Any]) -> None:
    answer = server.post(path, body)
    if answer.status != 201:
        raise SystemExit(f"POST {path}: {answer.body.decode()}")


def _encode(obj: dict[str, Any]) -> bytes:
    return orjson.dumps(obj)
