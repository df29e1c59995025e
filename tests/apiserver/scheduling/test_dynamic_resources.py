"""Pods with resource claims: which devices they get, on which node, and what the claims say then."""

from __future__ import annotations

from collections.abc import Iterator

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
    found = Devices(space)
    found.create_class()
    yield found
    # Other tests count pods that could be preempted.
    ok(space.server, "DELETE", f"{space.pods}?gracePeriodSeconds=0")


def run_pod(devices: Devices, name: str, *claims: str) -> str:
    """The node of a new pod."""
    devices.create_pod(name, *claims)
    devices.space.run_pods(name)
    return str(devices.space.get_pod(name)["spec"]["nodeName"])


def release(devices: Devices, pod: str, claim: str) -> None:
    """Delete a pod, and wait until the devices of its claim are free."""
    ok(devices.space.server, "DELETE", f"{devices.space.pods}/{pod}?gracePeriodSeconds=0")
    eventually(lambda: not devices.list_results(claim))


def build_device(name: str, *, capacity: str = "", **attributes: str | int) -> JsonObject:
    device: JsonObject = {
        "name": name,
        "attributes": {
            key: {"int" if isinstance(value, int) else "string": value} for key, value in attributes.items()
        },
    }
    return device | ({"capacity": {"memory": {"value": capacity}}} if capacity else {})


def select_node(name: str) -> JsonObject:
    field = {"key": "metadata.name", "operator": "In", "values": [name]}
    return {"nodeSelectorTerms": [{"matchFields": [field]}]}


def test_a_claim_gets_a_device_and_its_pod_the_node(devices: Devices) -> None:
    devices.create_slice(NODES[1], "gpu-0")
    devices.create_claim("gpu")
    assert run_pod(devices, "p", "gpu") == NODES[1]
    claim = devices.get_claim("gpu")
    assert claim["metadata"]["finalizers"] == ["resource.kubernetes.io/delete-protection"]
    status = claim["status"]
    assert status["reservedFor"] == [
        {"resource": "pods", "name": "p", "uid": devices.space.get_pod("p")["metadata"]["uid"]}
    ]
    assert status["allocation"].pop("allocationTimestamp")
    assert status["allocation"] == {
        "devices": {
            "results": [{"request": "r", "driver": devices.driver, "pool": NODES[1], "device": "gpu-0"}]
        },
        "nodeSelector": select_node(NODES[1]),
    }


def test_a_pod_waits_until_a_device_is_free(devices: Devices) -> None:
    space = devices.space
    devices.create_slice(NODES[0], "gpu-0")
    for name in ("first", "second"):
        devices.create_claim(name)
        devices.create_pod(name, name)
        if name == "first":
            space.run_pods(name)
    wait_for_message(space, "second", NO_DEVICES)
    ok(space.server, "DELETE", f"{space.pods}/first?gracePeriodSeconds=0")
    space.run_pods("second")
    assert "allocation" not in devices.get_claim("first")["status"]


def test_a_pod_waits_silently_for_its_claim(devices: Devices) -> None:
    space = devices.space
    devices.create_slice(NODES[0], "gpu-0", "gpu-1")
    devices.create_pod("early", "late-claim")
    devices.create_claim("gpu")
    run_pod(devices, "other", "gpu")
    assert space.get_condition("early", "PodScheduled") is None
    assert not space.list_events("early", "FailedScheduling")
    devices.create_claim("late-claim")
    space.run_pods("early")


def test_several_pods_share_a_claim(devices: Devices) -> None:
    devices.create_slice(NODES[0], "gpu-0")
    devices.create_claim("gpu")
    for name in ("a", "b"):
        assert run_pod(devices, name, "gpu") == NODES[0]
    reserved = devices.get_claim("gpu")["status"]["reservedFor"]
    assert [entry["name"] for entry in reserved] == ["a", "b"]


def test_a_template_makes_a_claim_for_each_pod(devices: Devices) -> None:
    space = devices.space
    devices.create_slice(NODES[0], "gpu-0", "gpu-1")
    templates = f"/apis/resource.k8s.io/v1/namespaces/{space.name}/resourceclaimtemplates"
    spec = {"spec": {"devices": {"requests": [devices.build_request()]}}}
    ok(space.server, "POST", templates, {"metadata": {"name": "gpu"}, "spec": spec})
    for name in ("a", "b"):
        devices.create_pod(name, resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "gpu"}])
    space.run_pods("a", "b")
    claims = ok(space.server, "GET", devices.claims)["items"]
    found = {
        result["device"] for claim in claims for result in devices.list_results(claim["metadata"]["name"])
    }
    assert found == {"gpu-0", "gpu-1"}


#: What follows the device or its attributes, and whether it selects gpu-1 instead of nothing.
SELECTORS = {
    'device.attributes["DRIVER"].model == "large"': True,
    'device.attributes["DRIVER"].model == "huge"': False,
    'device.attributes["DRIVER"].index > 0 && device.attributes["DRIVER"].index < 5': True,
    'device.capacity["DRIVER"].memory.compareTo(quantity("40Gi")) >= 0': True,
    'device.capacity["DRIVER"].memory.isGreaterThan(quantity("80Gi"))': False,
    'cel.bind(d, device.attributes["DRIVER"], d.model.startsWith("la") && d.index == 1)': True,
    'has(device.attributes["other.example.com"].model)': False,
    'device.attributes["DRIVER"].?numa.orValue(7) == 7 && device.attributes["DRIVER"].index == 1': True,
    '"other.example.com" in device.attributes': False,
    'device.attributes["DRIVER"].model.lowerAscii().matches("^l.*e$")': True,
    'device.attributes["DRIVER"].model in ["large", "small"] && !device.allowMultipleAllocations': True,
}


def test_selectors_choose_devices(devices: Devices) -> None:
    devices.create_slice(
        NODES[0],
        build_device("gpu-0", model="tiny", index=0, capacity="20Gi"),
        build_device("gpu-1", model="large", index=1, capacity="80Gi"),
    )
    for number, (expression, is_selected) in enumerate(SELECTORS.items()):
        name = f"c{number}"
        selector = {"cel": {"expression": expression.replace("DRIVER", devices.driver)}}
        devices.create_claim(name, selectors=[selector])
        devices.create_pod(name, name)
        if is_selected:
            assert devices.list_devices(name) == ["gpu-1"], expression
        else:
            wait_for_message(devices.space, name, NO_DEVICES)
        release(devices, name, name)


def test_a_selector_that_fails_is_an_error(devices: Devices) -> None:
    devices.create_slice(NODES[0], "gpu-0")
    expression = f'device.attributes["{devices.driver}"].nothing'
    devices.create_claim("gpu", selectors=[{"cel": {"expression": expression}}])
    devices.create_pod("p", "gpu")
    wait_for_message(
        devices.space,
        "p",
        f'running "DynamicResources" filter plugin: claim {devices.space.name}/gpu: selector #0: '
        "CEL runtime error: no such key: nothing",
    )
    condition = devices.space.get_condition("p", "PodScheduled")
    assert condition is not None
    assert condition["reason"] == "SchedulerError"


def test_a_class_that_does_not_exist_is_awaited(devices: Devices) -> None:
    devices.create_slice(NODES[0], "gpu-0")
    missing = f"{devices.space.name}-missing"
    devices.create_claim("gpu", deviceClassName=missing)
    devices.create_pod("p", "gpu")
    wait_for_message(
        devices.space,
        "p",
        f"0/2 nodes are available: request r: device class {missing} does not exist. no new claims to "
        "deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
    )
    classes = "/apis/resource.k8s.io/v1/deviceclasses"
    selectors = [{"cel": {"expression": f'device.driver == "{devices.driver}"'}}]
    ok(
        devices.space.server,
        "POST",
        classes,
        {"metadata": {"name": missing}, "spec": {"selectors": selectors}},
    )
    devices.space.run_pods("p")


def test_the_first_alternative_that_fits_is_chosen(devices: Devices) -> None:
    devices.create_slice(NODES[0], "a-0")
    devices.create_slice(NODES[1], "b-0", "b-1")
    alternatives = [
        {"name": "three", "deviceClassName": devices.driver, "count": 3},
        {"name": "two", "deviceClassName": devices.driver, "count": 2},
        {"name": "one", "deviceClassName": devices.driver, "count": 1},
    ]
    devices.create_claim("gpu", {"name": "gpus", "firstAvailable": alternatives})
    assert run_pod(devices, "p", "gpu") == NODES[1]
    assert [(each["request"], each["device"]) for each in devices.list_results("gpu")] == [
        ("gpus/two", "b-0"),
        ("gpus/two", "b-1"),
    ]


def test_constraints_compare_devices(devices: Devices) -> None:
    devices.create_slice(NODES[0], *(build_device(f"gpu-{n}", numa=n % 2) for n in range(3)))
    attribute = f"{devices.driver}/numa"
    requests = [devices.build_request("x"), devices.build_request("y")]
    devices.create_claim("same", *requests, constraints=[{"matchAttribute": attribute}])
    run_pod(devices, "p", "same")
    assert devices.list_devices("same") == ["gpu-0", "gpu-2"]
    release(devices, "p", "same")
    devices.create_claim("different", *requests, constraints=[{"distinctAttribute": attribute}])
    run_pod(devices, "q", "different")
    assert devices.list_devices("different") == ["gpu-0", "gpu-1"]


def test_the_mode_all_needs_every_device(devices: Devices) -> None:
    devices.create_slice(NODES[0], *(f"gpu-{number}" for number in range(3)))
    devices.create_claim("all", allocationMode="All")
    devices.create_claim("one")
    run_pod(devices, "p", "one")
    devices.create_pod("q", "all")
    wait_for_message(devices.space, "q", NO_DEVICES)
    ok(devices.space.server, "DELETE", f"{devices.space.pods}/p?gracePeriodSeconds=0")
    devices.space.run_pods("q")
    assert devices.list_devices("all") == ["gpu-0", "gpu-1", "gpu-2"]


def test_admin_access_needs_no_free_device(devices: Devices) -> None:
    space = devices.space
    merge(
        space.server,
        f"/api/v1/namespaces/{space.name}",
        {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}},
    )
    devices.create_slice(NODES[0], "gpu-0")
    devices.create_claim("gpu")
    devices.create_claim("monitor", adminAccess=True, allocationMode="All")
    for name in ("gpu", "monitor"):
        assert run_pod(devices, name, name) == NODES[0]
    assert devices.list_results("monitor")[0]["adminAccess"] is True


def test_taints_of_devices_need_tolerations(devices: Devices) -> None:
    taint = {"key": "example.com/broken", "value": "yes", "effect": "NoSchedule"}
    devices.create_slice(NODES[0], {"name": "gpu-0", "taints": [taint]})
    devices.create_claim("plain")
    devices.create_pod("p", "plain")
    wait_for_message(devices.space, "p", NO_DEVICES)
    toleration = {"key": "example.com/broken", "operator": "Exists", "effect": "NoSchedule"}
    devices.create_claim("tolerant", tolerations=[toleration])
    run_pod(devices, "q", "tolerant")
    assert devices.list_results("tolerant")[0]["tolerations"] == [toleration]


def test_partitions_share_counters(devices: Devices) -> None:
    """Two halves, or the whole card."""
    counters = {"sharedCounters": [{"name": "card", "counters": {"slices": {"value": "4"}}}]}
    devices.create_slice(NODES[0], pool="cards", count=2, **counters)
    parts = [
        {
            "name": name,
            "consumesCounters": [{"counterSet": "card", "counters": {"slices": {"value": value}}}],
        }
        for name, value in (("half-0", "2"), ("half-1", "2"), ("whole", "4"))
    ]
    devices.create_slice(NODES[0], *parts, pool="cards", count=2)
    names = ("first", "second", "third")
    for name in names:
        devices.create_claim(name)
    assert [run_pod(devices, name, name) for name in names[:2]] == [NODES[0]] * 2
    devices.create_pod("third", "third")
    wait_for_message(devices.space, "third", NO_DEVICES)
    assert devices.list_devices("second") == ["half-1"]


def test_claims_share_the_capacity_of_a_device(devices: Devices) -> None:
    policy = {"default": "1Gi", "validRange": {"min": "1Gi", "step": "1Gi"}}
    memory = {"value": "10Gi", "requestPolicy": policy}
    devices.create_slice(
        NODES[0], {"name": "gpu-0", "allowMultipleAllocations": True, "capacity": {"memory": memory}}
    )
    for name, amount in (("a", "5500Mi"), ("b", "4Gi"), ("c", "1Gi")):
        devices.create_claim(name, capacity={"requests": {"memory": amount}})
    for name in ("a", "b"):
        run_pod(devices, name, name)
    devices.create_pod("c", "c")
    wait_for_message(devices.space, "c", NO_DEVICES)
    results = [devices.list_results(name)[0] for name in ("a", "b")]
    assert [result["consumedCapacity"] for result in results] == [{"memory": "6Gi"}, {"memory": "4Gi"}]
    assert len({result["shareID"] for result in results}) == 2


def test_an_idle_claim_moves_to_the_node_of_its_pod(devices: Devices) -> None:
    space = devices.space
    devices.create_slice(NODES[0], "a-0")
    devices.create_slice(NODES[1], "b-0")
    devices.create_claim("gpu")
    result = {"request": "r", "driver": devices.driver, "pool": NODES[0], "device": "a-0"}
    allocation = {"devices": {"results": [result]}, "nodeSelector": select_node(NODES[0])}
    merge(space.server, f"{devices.claims}/gpu/status", {"status": {"allocation": allocation}})
    required = {"requiredDuringSchedulingIgnoredDuringExecution": select_node(NODES[1])}
    devices.create_pod("p", "gpu", affinity={"nodeAffinity": required})
    space.run_pods("p")
    assert devices.list_devices("gpu") == ["b-0"]
    messages = eventually(lambda: space.list_events("p", "FailedScheduling"))
    assert messages[0].endswith(
        "1 resourceclaim not available on the node. deallocation of ResourceClaim completed, "
        "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    ), messages


def test_a_pod_waits_for_the_binding_conditions_of_its_device(devices: Devices) -> None:
    device = {
        "name": "gpu-0",
        "bindsToNode": True,
        "bindingConditions": ["example.com/attached"],
        "bindingFailureConditions": ["example.com/failed"],
    }
    devices.create_slice("", device, pool="fabric", allNodes=True, nodeName=None)
    devices.create_claim("gpu")
    devices.create_pod("p", "gpu")
    result = eventually(lambda: devices.list_results("gpu"))[0]
    assert result["bindingConditions"] == ["example.com/attached"]
    assert "nodeName" not in devices.space.get_pod("p")["spec"]
    condition = {
        "type": "example.com/attached",
        "status": "True",
        "reason": "Attached",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status = {"driver": devices.driver, "pool": "fabric", "device": "gpu-0", "conditions": [condition]}
    merge(devices.space.server, f"{devices.claims}/gpu/status", {"status": {"devices": [status]}})
    devices.space.run_pods("p")
