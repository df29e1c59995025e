"""Pods on tainted devices."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.controller_manager.conftest import Space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer

CLAIMS = "resource.k8s.io/v1/resourceclaims"
SLICES = "/apis/resource.k8s.io/v1/resourceslices"
DRIVER = "gpu.example.com"
TAINT = {"key": "gpu.example.com/broken", "effect": "NoExecute"}


@pytest.fixture(scope="module", autouse=True)
def controller(server: ApiServer) -> Iterator[None]:
    with controllers(server, "device-taint-eviction-controller"):
        yield


def create_slice(space: Space, *taints: JsonObject) -> str:
    """A slice with one device in a pool of the test. Returns its path."""
    spec = {
        "driver": DRIVER,
        "nodeName": "n1",
        "pool": {"name": space.name, "generation": 1, "resourceSliceCount": 1},
        "devices": [{"name": "gpu-0", "taints": list(taints)}],
    }
    ok(space.server, "POST", SLICES, {"metadata": {"name": space.name}, "spec": spec})
    return f"{SLICES}/{space.name}"


def taint_device(space: Space, *taints: JsonObject) -> None:
    devices = [{"name": "gpu-0", "taints": list(taints)}]
    merge(space.server, f"{SLICES}/{space.name}", {"spec": {"devices": devices}})


def create_user(space: Space, name: str, *tolerations: JsonObject) -> None:
    """A pod that runs with the device."""
    exactly = {"deviceClassName": DRIVER, "tolerations": list(tolerations)}
    spec = {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}}
    space.create(CLAIMS, {"metadata": {"name": name}, "spec": spec})
    pod = space.create_pod(name, "n1", resourceClaims=[{"name": "device", "resourceClaimName": name}])
    result: JsonObject = {"request": "gpu", "driver": DRIVER, "pool": space.name, "device": "gpu-0"}
    if tolerations:
        result["tolerations"] = list(tolerations)
    consumer = {"resource": "pods", "name": name, "uid": pod["metadata"]["uid"]}
    allocation = {"devices": {"results": [result]}}
    space.set_status(CLAIMS, name, {"allocation": allocation, "reservedFor": [consumer]})


def is_evicted(space: Space, name: str) -> bool:
    return "deletionTimestamp" in space.get("pods", name)["metadata"]


def test_a_taint_ends_the_pods_that_do_not_tolerate_it(space: Space) -> None:
    create_slice(space)
    create_user(space, "user")
    create_user(space, "tolerant", {"operator": "Exists", "effect": "NoExecute"})
    taint_device(space, TAINT)
    eventually(lambda: is_evicted(space, "user"))
    conditions = {each["type"]: each for each in space.get("pods", "user")["status"]["conditions"]}
    assert conditions["DisruptionTarget"]["reason"] == "DeletionByDeviceTaintManager"
    assert space.wait_for_event("user", "DeviceTaintManagerEviction") == "Marking for deletion"
    assert not is_evicted(space, "tolerant")


def test_a_device_that_is_tainted_already_ends_a_new_pod(space: Space) -> None:
    create_slice(space, TAINT)
    create_user(space, "user")
    eventually(lambda: is_evicted(space, "user"))


def test_a_pod_stays_when_the_taint_goes_before_its_toleration_ends(space: Space) -> None:
    create_slice(space, TAINT)
    create_user(space, "user", {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3600})
    create_user(space, "short", {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1})
    eventually(lambda: is_evicted(space, "short"))
    taint_device(space)
    assert space.wait_for_event("user", "DeviceTaintManagerEviction") == "Cancelling deletion"
    assert not is_evicted(space, "user")
