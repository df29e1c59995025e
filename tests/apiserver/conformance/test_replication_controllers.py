"""Replication controllers with their controller."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import ApiServer

_POD = {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]}
_NO_KUBELET = "kubelet: pods stay pending"


def path(namespace: str, plural: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}/{name}".rstrip("/")


def replication_controller(name: str, replicas: int) -> JsonObject:
    labels = {"name": name}
    template = {"metadata": {"labels": labels}, "spec": _POD}
    return {
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": labels, "template": template},
    }


def controlled_by(server: ApiServer, namespace: str, pod: str, uid: str) -> bool:
    owners = ok(server, "GET", path(namespace, "pods", pod))["metadata"].get("ownerReferences", [])
    return any(each["uid"] == uid and each.get("controller") for each in owners)


@pytest.mark.entry("ReplicationController should adopt matching pods on creation", without=_NO_KUBELET)
def test_replication_controller_should_adopt_matching_pods_on_creation(
    governed: ApiServer, home: str
) -> None:
    name = "pod-adoption"
    orphan = {"metadata": {"name": name, "labels": {"name": name}}, "spec": _POD}
    ok(governed, "POST", path(home, "pods"), orphan)
    made = ok(governed, "POST", path(home, "replicationcontrollers"), replication_controller(name, 1))
    eventually(lambda: controlled_by(governed, home, name, made["metadata"]["uid"]))


@pytest.mark.entry("ReplicationController should release no longer matching pods", without=_NO_KUBELET)
def test_replication_controller_should_release_no_longer_matching_pods(
    governed: ApiServer, home: str
) -> None:
    name = "pod-release"
    made = ok(governed, "POST", path(home, "replicationcontrollers"), replication_controller(name, 1))
    selected = f"{path(home, 'pods')}?labelSelector=name={name}"
    (pod,) = eventually(lambda: ok(governed, "GET", selected)["items"])
    pod_name = pod["metadata"]["name"]
    assert controlled_by(governed, home, pod_name, made["metadata"]["uid"])
    labels = {"metadata": {"labels": {"name": "not-matching-name"}}}
    merge(governed, path(home, "pods", pod_name), labels)
    eventually(lambda: not controlled_by(governed, home, pod_name, made["metadata"]["uid"]))


@pytest.mark.entry(
    "ReplicationController should surface a failure condition on a common issue like exceeded quota",
    without=_NO_KUBELET,
)
def test_replication_controller_should_surface_a_failure_condition(governed: ApiServer, home: str) -> None:
    name = "condition-test"
    quota = {"metadata": {"name": name}, "spec": {"hard": {"pods": "2"}}}
    ok(governed, "POST", path(home, "resourcequotas"), quota)
    found = path(home, "resourcequotas", name)
    eventually(lambda: ok(governed, "GET", found).get("status", {}).get("hard") == {"pods": "2"})
    item = path(home, "replicationcontrollers", name)
    ok(governed, "POST", path(home, "replicationcontrollers"), replication_controller(name, 3))

    def failure(of_generation: int) -> list[JsonObject] | None:
        status = ok(governed, "GET", item)["status"]
        if status.get("observedGeneration", 0) < of_generation:
            return None
        return [each for each in status.get("conditions", []) if each["type"] == "ReplicaFailure"]

    (condition,) = eventually(lambda: failure(1))
    assert (condition["status"], condition["reason"]) == ("True", "FailedCreate")
    assert f"exceeded quota: {name}, requested: pods=1, used: pods=2, limited: pods=2" in condition["message"]
    assert merge(governed, item, {"spec": {"replicas": 2}})["metadata"]["generation"] == 2
    eventually(lambda: failure(2) == [])
