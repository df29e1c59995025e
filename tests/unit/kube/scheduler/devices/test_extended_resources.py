"""Extended resources that are devices of a class: the class, the claim, and which nodes give devices."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from kprov.contract.scheduler.arguments import NodeResourcesFitArgs, ResourceWeight, ScoringStrategy
from kprov.kube.api.core import Node, Pod
from kprov.kube.api.decoding import convert
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler.devices.extended_requests import build_device_requests, build_special_claim
from kprov.kube.scheduler.devices.extended_resources import ExtendedResources, is_device_resource
from kprov.kube.scheduler.devices.listers import DeviceListers
from kprov.kube.scheduler.framework.events import Action, ClusterEvent, Resource
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin
from kprov.kube.scheduler.framework.runtime.filters import filter_slots, select_slots
from kprov.kube.scheduler.plugins.dynamic_resources import DynamicResources
from kprov.kube.scheduler.plugins.node_resources import NodeResourcesFit
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.pod_info import build_pod_info
from tests.builders.pods import view_pod


def make_pod(*containers: JsonObject, init: Sequence[JsonObject] = ()) -> Pod:
    return view_pod(metadata={"uid": "u"}, containers=list(containers), initContainers=list(init))


GPU = "example.com/gpu"


def build_class(name: str, extended: str = "", created: str = "2026-01-01T00:00:00Z") -> JsonObject:
    spec = {"extendedResourceName": extended} if extended else {}
    return {"metadata": {"name": name, "creationTimestamp": created}, "spec": spec}


def build_container(name: str, *, restarts: bool = False, **amounts: int) -> JsonObject:
    """amounts: of resources of example.com."""
    requests = {f"example.com/{resource}": str(amount) for resource, amount in amounts.items()}
    more = {"restartPolicy": "Always"} if restarts else {}
    return {"name": name, "resources": {"requests": requests}} | more


def describe(pod: Pod, *resources: str) -> tuple[list[tuple[str, int]], list[tuple[str, str]]]:
    """The requests with their counts, and the mappings without their resources."""
    classes = {f"example.com/{resource}": resource for resource in resources or ("gpu",)}
    requests, mappings = build_device_requests(pod, classes)
    return (
        [(each["name"], each["exactly"]["count"]) for each in requests],
        [(each["containerName"], each["requestName"]) for each in mappings],
    )


def test_of_classes_for_one_resource_the_newest_counts() -> None:
    classes = ExtendedResources()
    assert classes.find(GPU) is None
    old, new = build_class("a", GPU), build_class("z", GPU, "2026-02-01T00:00:00Z")
    twin = build_class("y", GPU, "2026-02-01T00:00:00Z")
    for each in (new, old, twin):
        classes.set(each)
    assert classes.find(GPU) is twin
    classes.remove(twin)
    assert classes.find(GPU) is new
    classes.set(build_class("z", "example.com/other", "2026-02-01T00:00:00Z"))
    assert classes.find(GPU) is old
    changed = build_class("a", GPU)
    classes.set(changed)
    assert classes.find(GPU) is changed
    assert classes.find("deviceclass.resource.kubernetes.io/a") is changed
    classes.remove(changed)
    assert classes.find(GPU) is None
    assert classes.find("deviceclass.resource.kubernetes.io/a") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (GPU, True),
        ("deviceclass.resource.kubernetes.io/gpu", True),
        ("cpu", False),
        ("hugepages-2Mi", False),
        ("kubernetes.io/x", False),
        ("requests.example.com/gpu", False),
    ],
)
def test_only_extended_resources_can_be_devices(name: str, expected: bool) -> None:
    assert is_device_resource(name) is expected


def test_each_container_has_a_request_for_each_resource() -> None:
    pod = make_pod(build_container("a", disk=2, gpu=1), build_container("b", gpu=3), build_container("c"))
    requests, mappings = describe(pod, "gpu", "disk")
    assert requests == [
        ("container-0-request-0", 2),
        ("container-0-request-1", 1),
        ("container-1-request-0", 3),
    ]
    assert mappings == [
        ("a", "container-0-request-0"),
        ("a", "container-0-request-1"),
        ("b", "container-1-request-0"),
    ]
    # The node has disks itself.
    assert describe(pod, "gpu")[0] == [("container-0-request-1", 1), ("container-1-request-0", 3)]


def test_init_containers_share_devices_with_later_containers_and_each_other() -> None:
    pod = make_pod(
        build_container("main", gpu=2),
        init=[
            build_container("small", gpu=1),
            build_container("large", gpu=5),
            build_container("larger", gpu=4),
        ],
    )
    own, more = "container-3-request-0", "container-1-request-0"
    assert describe(pod) == (
        [(more, 3), (own, 2)],
        [("main", own), ("small", own), ("large", own), ("large", more), ("larger", own), ("larger", more)],
    )


def test_init_containers_do_not_use_the_devices_of_sidecars_before_them() -> None:
    pod = make_pod(
        build_container("main", gpu=1),
        init=[build_container("side", restarts=True, gpu=2), build_container("setup", gpu=1)],
    )
    side, main = "container-0-request-0", "container-2-request-0"
    assert describe(pod) == ([(side, 2), (main, 1)], [("side", side), ("main", main), ("setup", main)])


def test_the_claim_belongs_to_the_pod() -> None:
    special = build_special_claim(make_pod(build_container("c", gpu=1)), {GPU: "gpu"})
    metadata = special.claim["metadata"]
    assert metadata["generateName"] == "p-extended-resources-"
    assert metadata["ownerReferences"][0]["uid"] == "u"
    assert special.mappings == [
        {"containerName": "c", "resourceName": GPU, "requestName": "container-0-request-0"}
    ]


@pytest.fixture
def devices() -> DeviceListers:
    """A class for `example.com/gpu`, and a device on each of the nodes `devices` and `both`."""
    gpu = build_class("gpu", GPU)
    listers = DeviceListers(get_class=lambda name: gpu if name == "gpu" else None)
    listers.extended.set(gpu)
    for node in ("devices", "both"):
        pool = {"name": node, "generation": 1, "resourceSliceCount": 1}
        spec = {"driver": "gpu.org", "nodeName": node, "pool": pool, "devices": [{"name": "d"}]}
        listers.slices.set({"metadata": {"name": node}, "spec": spec})
    return listers


def build_cycle(pod: Pod) -> CycleState:
    """Nodes with the resource, with devices, with both, and with neither of them."""
    state = ClusterState()
    for name, amount in {"plugin": 1, "devices": None, "both": 1, "neither": 0}.items():
        amounts = {} if amount is None else {GPU: str(amount)}
        allocatable = {"cpu": "4", "pods": "10"} | amounts
        state.set_node(convert({"metadata": {"name": name}, "status": {"allocatable": allocatable}}, Node))
    return CycleState(build_pod_info(pod), state)


def filter_nodes(cycle: CycleState, *plugins: Plugin) -> dict[str, str]:
    """The reasons by node, "" for those that fit."""
    found = {}
    for name, slot in cycle.state.slot_of.items():
        result = filter_slots(plugins, cycle, select_slots(cycle.state, [slot]))
        found[name] = ", ".join(result.diagnosis.reasons)
    return found


def test_each_node_gives_the_resource_in_its_own_way(devices: DeviceListers) -> None:
    cycle = build_cycle(make_pod(build_container("c", gpu=1)))
    fit, plugin = NodeResourcesFit(None, devices), DynamicResources(devices)
    assert plugin.pre_filter(cycle) is None
    assert filter_nodes(cycle, fit, plugin) == {
        "plugin": "",
        "devices": "",
        "both": "",
        "neither": "cannot allocate all claims",
    }
    assert plugin.reserve(cycle, "both") is None
    assert not plugin.needs_pre_bind(cycle, "both")
    assert not devices.claims.allocated.devices
    assert plugin.reserve(cycle, "devices") is None
    assert plugin.needs_pre_bind(cycle, "devices")
    assert [str(each) for each in devices.claims.allocated.devices] == ["gpu.org/devices/d"]
    plugin.unreserve(cycle, "devices")
    assert not devices.claims.allocated.devices


def test_a_pod_that_requests_too_much_fits_nowhere(devices: DeviceListers) -> None:
    cycle = build_cycle(make_pod(build_container("c", gpu=2)))
    fit, plugin = NodeResourcesFit(None, devices), DynamicResources(devices)
    plugin.pre_filter(cycle)
    assert filter_nodes(cycle, fit, plugin) == {
        "plugin": f"Insufficient {GPU}",
        "devices": "cannot allocate all claims",
        "both": f"Insufficient {GPU}",
        "neither": "cannot allocate all claims",
    }
    for name, slot in cycle.state.slot_of.items():
        assert fit.accepts_node(cycle, slot) is (name in {"devices", "neither"})


def test_a_resource_without_a_class_is_checked_by_both_plugins(devices: DeviceListers) -> None:
    """Also one that NodeResourcesFit leaves to an extender, as upstream."""
    cycle = build_cycle(make_pod(build_container("c", gpu=1, disk=1)))
    ignored = NodeResourcesFitArgs(ignored_resources=["example.com/disk"])
    fit, plugin = NodeResourcesFit(ignored, devices), DynamicResources(devices)
    plugin.pre_filter(cycle)
    assert set(filter_nodes(cycle, fit, plugin).values()) == {"cannot fit resource"}


def test_a_claim_of_an_earlier_attempt_keeps_the_pod_from_all_nodes(devices: DeviceListers) -> None:
    pod = make_pod(build_container("c", gpu=1))
    devices.list_owned = lambda uid: [build_special_claim(pod, {GPU: "gpu"}).claim] if uid == "u" else []
    cycle = build_cycle(pod)
    plugin = DynamicResources(devices)
    plugin.pre_filter(cycle)
    assert set(filter_nodes(cycle, plugin).values()) == {"cannot schedule extended resource claim"}


def test_a_class_wakes_the_pods_that_request_its_resource(devices: DeviceListers) -> None:
    info = build_pod_info(make_pod(build_container("c", gpu=1)))
    events = NodeResourcesFit(None, devices).list_events()

    def wakes(old: JsonObject | None, new: JsonObject) -> bool:
        event = ClusterEvent(Resource.DEVICE_CLASS, Action.ADD if old is None else Action.UPDATE)
        hints = [each.hint for each in events if each.matches(event)]
        return any(hint is None or hint(info, old, new) for hint in hints)

    assert wakes(None, build_class("x", GPU))
    assert wakes(build_class("x"), build_class("x", GPU))
    assert not wakes(build_class("x", GPU), build_class("x", GPU))
    assert not wakes(None, build_class("x", "example.com/other"))


def test_scores_count_the_devices_of_nodes_that_do_not_have_the_resource(devices: DeviceListers) -> None:
    strategy = ScoringStrategy(type="LeastAllocated", resources=[ResourceWeight(name=GPU)])
    fit = NodeResourcesFit(NodeResourcesFitArgs(scoring_strategy=strategy), devices)
    pool = {"name": "devices", "generation": 1, "resourceSliceCount": 1}
    names = [{"name": name} for name in ("d", "e", "f", "g")]
    spec = {"driver": "gpu.org", "nodeName": "devices", "pool": pool, "devices": names}
    devices.slices.set({"metadata": {"name": "devices"}, "spec": spec})
    result = {"request": "r", "driver": "gpu.org", "pool": "devices", "device": "d"}
    devices.claims.reserve("claim", {"devices": {"results": [result]}})
    cycle = build_cycle(make_pod(build_container("c", gpu=1)))
    scores = fit.score(cycle, cycle.state.alive)
    assert scores is not None
    assert {name: scores[slot] for name, slot in cycle.state.slot_of.items()} == {
        "plugin": 0,
        # Two of four devices are left.
        "devices": 50,
        "both": 0,
        "neither": 0,
    }
