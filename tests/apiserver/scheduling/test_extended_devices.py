"""Pods that request devices as extended resources: the scheduler creates their claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.scheduling.conftest import NODES, Space
from tests.apiserver.scheduling.devices import Devices
from tests.apiserver.scheduling.test_preemption import wait_for_message

NO_DEVICES = (
    "0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, "
    "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
)


@pytest.fixture
def devices(space: Space) -> Iterator[Devices]:
    yield Devices(space)
    # Other tests count pods that could be preempted.
    ok(space.server, "DELETE", f"{space.pods}?gracePeriodSeconds=0")


def create_pod(devices: Devices, name: str, **more: Any) -> None:
    devices.space.create_pod(name, priority="low", **{"amount": 1} | more)


def get_status(devices: Devices, name: str) -> JsonObject | None:
    status: JsonObject | None = devices.space.get_pod(name)["status"].get("extendedResourceClaimStatus")
    return status


def get_claim(devices: Devices, name: str) -> JsonObject:
    """The claim of a pod."""
    status = get_status(devices, name)
    assert status is not None
    return devices.get_claim(status["resourceClaimName"])


def list_devices(devices: Devices, name: str) -> list[str]:
    """The devices of a pod."""
    results = get_claim(devices, name)["status"]["allocation"]["devices"]["results"]
    return [result["device"] for result in results]


def build_container(name: str, resource: str, amount: int, **more: Any) -> JsonObject:
    amounts = {resource: str(amount)}
    resources = {"requests": amounts, "limits": amounts}
    return {"name": name, "image": "registry.k8s.io/pause:3.10", "resources": resources} | more


def test_a_pod_gets_devices_for_its_extended_resource(devices: Devices) -> None:
    space = devices.space
    devices.create_class(extendedResourceName=space.resource)
    devices.create_slice(NODES[1], "gpu-0", "gpu-1", "gpu-2")
    create_pod(devices, "p", amount=2)
    space.run_pods("p")
    pod = space.get_pod("p")
    assert pod["spec"]["nodeName"] == NODES[1]
    mapping = {
        "containerName": "c",
        "resourceName": space.resource,
        "requestName": "container-0-request-0",
    }
    assert pod["status"]["extendedResourceClaimStatus"]["requestMappings"] == [mapping]
    claim = get_claim(devices, "p")
    meta = claim["metadata"]
    assert meta["generateName"] == "p-extended-resources-"
    assert meta["annotations"] == {"resource.kubernetes.io/extended-resource-claim": "true"}
    assert meta["finalizers"] == ["resource.kubernetes.io/delete-protection"]
    uid = pod["metadata"]["uid"]
    assert meta["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid, "controller": True}
    ]
    exactly = {"deviceClassName": devices.driver, "allocationMode": "ExactCount", "count": 2}
    assert claim["spec"]["devices"]["requests"] == [{"name": "container-0-request-0", "exactly": exactly}]
    assert claim["status"]["reservedFor"] == [{"resource": "pods", "name": "p", "uid": uid}]
    assert list_devices(devices, "p") == ["gpu-0", "gpu-1"]


def test_each_class_is_an_extended_resource_by_its_name(devices: Devices) -> None:
    devices.create_class()
    devices.create_slice(NODES[0], "gpu-0")
    resource = f"deviceclass.resource.kubernetes.io/{devices.driver}"
    create_pod(devices, "p", containers=[build_container("c", resource, 1)])
    devices.space.run_pods("p")
    assert list_devices(devices, "p") == ["gpu-0"]


def test_a_node_that_has_the_resource_itself_needs_no_claim(devices: Devices) -> None:
    space = devices.space
    space.add_resource(NODES[0], 1)
    devices.create_class(extendedResourceName=space.resource)
    devices.create_slice(NODES[1], "gpu-0")
    for name in ("first", "second"):
        create_pod(devices, name)
    space.run_pods("first", "second")
    nodes = {space.get_pod(name)["spec"]["nodeName"]: name for name in ("first", "second")}
    assert get_status(devices, nodes[NODES[0]]) is None
    assert list_devices(devices, nodes[NODES[1]]) == ["gpu-0"]
    create_pod(devices, "third")
    wait_for_message(
        space,
        "third",
        f"0/2 nodes are available: 1 Insufficient {space.resource}, 1 cannot allocate all claims. "
        "still not schedulable, preemption: 0/2 nodes are available: "
        "1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.",
    )


def test_a_pod_waits_for_the_class(devices: Devices) -> None:
    space = devices.space
    devices.create_slice(NODES[0], "gpu-0")
    create_pod(devices, "p")
    wait_for_message(
        space,
        "p",
        f"0/2 nodes are available: 2 Insufficient {space.resource}. no new claims to deallocate, "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    )
    devices.create_class(extendedResourceName=space.resource)
    space.run_pods("p")
    assert list_devices(devices, "p") == ["gpu-0"]


def test_a_pod_waits_until_another_one_has_gone_with_its_claim(devices: Devices) -> None:
    space = devices.space
    devices.create_class(extendedResourceName=space.resource)
    devices.create_slice(NODES[0], "gpu-0")
    create_pod(devices, "first")
    space.run_pods("first")
    create_pod(devices, "second")
    wait_for_message(space, "second", NO_DEVICES)
    ok(space.server, "DELETE", f"{space.pods}/first?gracePeriodSeconds=0")
    space.run_pods("second")
    assert list_devices(devices, "second") == ["gpu-0"]
    eventually(lambda: len(ok(space.server, "GET", devices.claims)["items"]) == 1)


def test_an_init_container_uses_the_devices_of_later_containers(devices: Devices) -> None:
    space = devices.space
    devices.create_class(extendedResourceName=space.resource)
    devices.create_slice(NODES[0], "gpu-0", "gpu-1", "gpu-2")
    create_pod(
        devices,
        "p",
        initContainers=[build_container("setup", space.resource, 3)],
        containers=[build_container("main", space.resource, 1)],
    )
    space.run_pods("p")
    status = get_status(devices, "p")
    assert status is not None
    mapped = [(each["containerName"], each["requestName"]) for each in status["requestMappings"]]
    own, more = "container-1-request-0", "container-0-request-0"
    assert mapped == [("main", own), ("setup", own), ("setup", more)]
    requests = get_claim(devices, "p")["spec"]["devices"]["requests"]
    assert [(each["name"], each["exactly"]["count"]) for each in requests] == [(more, 2), (own, 1)]


def test_a_pod_can_have_a_claim_and_extended_resources(devices: Devices) -> None:
    space = devices.space
    devices.create_class(extendedResourceName=space.resource)
    devices.create_slice(NODES[0], "gpu-0", "gpu-1")
    devices.create_claim("own")
    container = build_container("c", space.resource, 1)
    container["resources"]["claims"] = [{"name": "own"}]
    reference = {"name": "own", "resourceClaimName": "own"}
    create_pod(devices, "p", containers=[container], resourceClaims=[reference])
    space.run_pods("p")
    assert sorted([*list_devices(devices, "p"), *devices.list_devices("own")]) == ["gpu-0", "gpu-1"]


def report_condition(devices: Devices, claim: str, kind: str) -> None:
    """Say as the driver that a condition of the device is true."""
    condition = {
        "type": f"example.com/{kind}",
        "status": "True",
        "reason": "Driver",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"driver": devices.driver, "pool": "fabric", "device": "gpu-0", "conditions": [condition]}
    merge(devices.space.server, f"{devices.claims}/{claim}/status", {"status": {"devices": [status]}})


def list_claims(devices: Devices) -> list[str]:
    """The names of allocated claims."""
    claims = ok(devices.space.server, "GET", devices.claims)["items"]
    return [each["metadata"]["name"] for each in claims if each.get("status", {}).get("allocation")]


def test_a_pod_whose_devices_fail_gets_a_new_claim(devices: Devices) -> None:
    space = devices.space
    devices.create_class(extendedResourceName=space.resource)
    device = {
        "name": "gpu-0",
        "bindsToNode": True,
        "bindingConditions": ["example.com/attached"],
        "bindingFailureConditions": ["example.com/failed"],
    }
    devices.create_slice("", device, pool="fabric", allNodes=True, nodeName=None)
    create_pod(devices, "p")
    first = eventually(lambda: list_claims(devices))
    report_condition(devices, first[0], "failed")
    second = eventually(lambda: [name for name in list_claims(devices) if name not in first])
    report_condition(devices, second[0], "attached")
    space.run_pods("p")
    assert list_claims(devices) == second
    status = get_status(devices, "p")
    assert status is not None
    assert status["resourceClaimName"] == second[0]


def test_a_claim_of_a_scheduler_that_was_killed_is_replaced(devices: Devices) -> None:
    space = devices.space
    devices.create_class(extendedResourceName=space.resource)
    devices.create_slice(NODES[0], "gpu-0")
    create_pod(devices, "p", schedulingGates=[{"name": "example.com/wait"}])
    uid = space.get_pod("p")["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": uid, "controller": True}
    metadata = {
        "name": "left",
        "annotations": {"resource.kubernetes.io/extended-resource-claim": "true"},
        "ownerReferences": [owner],
        "finalizers": ["resource.kubernetes.io/delete-protection"],
    }
    spec = {"devices": {"requests": [devices.build_request("container-0-request-0")]}}
    ok(space.server, "POST", devices.claims, {"metadata": metadata, "spec": spec})
    merge(space.server, f"{space.pods}/p", {"spec": {"schedulingGates": None}})
    eventually(lambda: space.server.get(f"{devices.claims}/left").status == 404)
    # Upstream does not try the pod again because of the deletion.
    devices.create_slice(NODES[1], "gpu-0")
    space.run_pods("p")
    assert list_devices(devices, "p") == ["gpu-0"]
