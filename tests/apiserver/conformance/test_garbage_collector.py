"""What goes with its owner."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.servers import ApiServer

PENDING = "kubelet: pods stay pending"
_POD = {"containers": [{"name": "c", "image": "registry.k8s.io/pause:3.10"}]}
_TEMPLATE = {"metadata": {"labels": {"app": "a"}}, "spec": _POD}
COUNT = 6


def root(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}"


def apps(namespace: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}"


def owner(obj: JsonObject, kind: str, **more: Any) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
    } | more


def controller(
    server: ApiServer, namespace: str, name: str, replicas: int, finalizers: list[str] | None = None
) -> JsonObject:
    """A replication controller, whose pods will have these finalizers."""
    metadata = {"labels": {"app": name}, "finalizers": finalizers or []}
    spec = {"replicas": replicas, "template": {"metadata": metadata, "spec": _POD}}
    path = f"{root(namespace)}/replicationcontrollers"
    return ok(server, "POST", path, {"metadata": {"name": name}, "spec": spec})


def with_pods(
    server: ApiServer, namespace: str, name: str, finalizers: list[str] | None = None
) -> JsonObject:
    """A replication controller whose pods are there."""
    made = controller(server, namespace, name, COUNT, finalizers)
    eventually(lambda: len(pods(server, namespace)) == COUNT)
    return made


def pods(server: ApiServer, namespace: str) -> list[JsonObject]:
    return list(ok(server, "GET", f"{root(namespace)}/pods")["items"])


def delete(server: ApiServer, path: str, policy: str, made: JsonObject) -> JsonObject:
    preconditions = {"uid": made["metadata"]["uid"]}
    return ok(server, "DELETE", path, {"propagationPolicy": policy, "preconditions": preconditions})


@pytest.mark.entry("Garbage collector should delete pods created by rc when not orphaning", without=PENDING)
def test_should_delete_pods_created_by_rc_when_not_orphaning(governed: ApiServer, home: str) -> None:
    made = with_pods(governed, home, "rc")
    path = f"{root(home)}/replicationcontrollers/rc"
    delete(governed, path, "Background", made)
    eventually(lambda: not pods(governed, home))
    assert governed.get(path).status == 404


@pytest.mark.entry(
    "Garbage collector should orphan pods created by rc if delete options say so", without=PENDING
)
def test_should_orphan_pods_created_by_rc_if_delete_options_say_so(governed: ApiServer, home: str) -> None:
    made = with_pods(governed, home, "rc")
    path = f"{root(home)}/replicationcontrollers/rc"
    delete(governed, path, "Orphan", made)
    eventually(lambda: governed.get(path).status == 404)
    left = pods(governed, home)
    assert len(left) == COUNT
    assert not any(each["metadata"].get("ownerReferences") for each in left)


def deployed(server: ApiServer, namespace: str) -> JsonObject:
    """A deployment whose replica set is there."""
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": _TEMPLATE}
    made = ok(server, "POST", f"{apps(namespace)}/deployments", {"metadata": {"name": "d"}, "spec": spec})
    eventually(lambda: ok(server, "GET", f"{apps(namespace)}/replicasets")["items"])
    return made


@pytest.mark.entry("Garbage collector should delete RS created by deployment when not orphaning")
def test_should_delete_rs_created_by_deployment_when_not_orphaning(governed: ApiServer, home: str) -> None:
    made = deployed(governed, home)
    delete(governed, f"{apps(home)}/deployments/d", "Background", made)
    eventually(lambda: not ok(governed, "GET", f"{apps(home)}/replicasets")["items"])
    eventually(lambda: not pods(governed, home))


@pytest.mark.entry(
    "Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan"
)
def test_should_orphan_rs_created_by_deployment(governed: ApiServer, home: str) -> None:
    made = deployed(governed, home)
    delete(governed, f"{apps(home)}/deployments/d", "Orphan", made)
    eventually(lambda: governed.get(f"{apps(home)}/deployments/d").status == 404)
    (left,) = ok(governed, "GET", f"{apps(home)}/replicasets")["items"]
    assert not left["metadata"].get("ownerReferences")


@pytest.mark.entry(
    "Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so",
    without=PENDING,
)
def test_should_keep_the_rc_around_until_all_its_pods_are_deleted(governed: ApiServer, home: str) -> None:
    made = with_pods(governed, home, "rc", ["e2e.example.com/held"])
    path = f"{root(home)}/replicationcontrollers/rc"
    answer = delete(governed, path, "Foreground", made)
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    eventually(lambda: all(each["metadata"].get("deletionTimestamp") for each in pods(governed, home)))
    for each in pods(governed, home):
        assert ok(governed, "GET", path)["metadata"]["deletionTimestamp"]
        merge(governed, f"{root(home)}/pods/{each['metadata']['name']}", {"metadata": {"finalizers": None}})
    eventually(lambda: governed.get(path).status == 404)
    assert pods(governed, home) == []


@pytest.mark.entry(
    "Garbage collector should not delete dependents that have both valid owner and owner that's waiting for "
    "dependents to be deleted",
    without=PENDING,
)
def test_should_not_delete_dependents_that_have_a_valid_owner_too(governed: ApiServer, home: str) -> None:
    made = with_pods(governed, home, "rc1")
    stays = controller(governed, home, "rc2", 0)
    patch = {"metadata": {"ownerReferences": [owner(stays, "ReplicationController")]}}
    for each in pods(governed, home)[: COUNT // 2]:
        path = f"{root(home)}/pods/{each['metadata']['name']}"
        ok(governed, "PATCH", path, patch, content_type="application/strategic-merge-patch+json")
    path = f"{root(home)}/replicationcontrollers/rc1"
    delete(governed, path, "Foreground", made)
    eventually(lambda: governed.get(path).status == 404)
    left = pods(governed, home)
    assert len(left) == COUNT // 2
    for each in left:
        assert "deletionTimestamp" not in each["metadata"]
        assert [ref["name"] for ref in each["metadata"]["ownerReferences"]] == ["rc2"]


@pytest.mark.entry("Garbage collector should not be blocked by dependency circle")
def test_should_not_be_blocked_by_dependency_circle(governed: ApiServer, home: str) -> None:
    path = f"{root(home)}/pods"
    made = [ok(governed, "POST", path, {"metadata": {"name": f"p{n}"}, "spec": _POD}) for n in range(3)]
    for number in range(3):
        reference = owner(made[number - 1], "Pod", controller=True, blockOwnerDeletion=True)
        merge(governed, f"{path}/p{number}", {"metadata": {"ownerReferences": [reference]}})
    delete(governed, f"{path}/p0", "Foreground", made[0])
    eventually(lambda: not pods(governed, home))
