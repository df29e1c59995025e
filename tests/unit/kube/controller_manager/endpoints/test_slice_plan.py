"""From services and pods to endpoint slices and Endpoints."""

from typing import Any

from prometheus_client import REGISTRY

from kprov.kube.api.core import Pod, Service, ServicePort
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.controller_manager.endpoints import slice_plan, subsets
from kprov.kube.controller_manager.endpoints.slice_metrics import SliceMetrics
from tests.builders.pods import build_conditions, view_pod


def service(**spec: Any) -> Service:
    made = Service()
    made.metadata.name, made.metadata.namespace, made.metadata.uid = "web", "ns", "svc"
    made.spec.selector = {"app": "web"}
    made.spec.ip_families = ["IPv4"]
    made.spec.cluster_ip = "10.0.0.1"
    made.spec.ports = [ServicePort(name="http", port=80, target_port="http")]
    for key, value in spec.items():
        setattr(made.spec, key, value)
    return made


def pod(number: int, *, ready: bool = True, port: int = 8080, deleting: bool = False) -> Pod:
    addresses = [{"ip": f"10.1.{number // 250}.{number % 250 + 1}"}, {"ip": "fd00::1"}]
    return view_pod(
        f"p{number}",
        metadata={"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleting else {},
        ports=[{"name": "http", "containerPort": port}],
        status={"phase": "Running", "podIPs": addresses, "conditions": build_conditions(Ready=ready)},
        nodeName="n1",
    )


def planned(owner: Service, pods: list[Pod], existing: list[EndpointSlice] | None = None) -> slice_plan.Plan:
    wanted = slice_plan.make_desired(owner, pods, "IPv4", lambda _: "zone-a")
    return slice_plan.make_plan(owner, "IPv4", wanted, existing or [])


def sizes(slices: list[EndpointSlice]) -> list[int]:
    return [len(each.endpoints or []) for each in slices]


def test_an_endpoint_tells_readiness_and_where_it_is() -> None:
    plan = planned(service(), [pod(0), pod(1, ready=False), pod(2, deleting=True)])
    (made,) = plan.create
    assert made.metadata.generate_name == "web-"
    assert made.metadata.labels["kubernetes.io/service-name"] == "web"
    first, second, third = made.endpoints or []
    assert (first.addresses, first.node_name, first.zone) == (["10.1.0.1"], "n1", "zone-a")
    states = [
        (each.conditions.ready, each.conditions.serving, each.conditions.terminating)
        for each in (first, second, third)
    ]
    assert states == [(True, True, False), (False, False, False), (False, True, True)]
    assert [(port.name, port.port) for port in made.ports or []] == [("http", 8080)]


def test_a_hundred_endpoints_fill_a_slice() -> None:
    assert sizes(planned(service(), [pod(n) for n in range(250)]).create) == [100, 100, 50]


def test_pods_that_name_a_port_differently_do_not_share_a_slice() -> None:
    assert sizes(planned(service(), [pod(0), pod(1, port=9090)]).create) == [1, 1]


def test_nothing_changes_nothing_and_one_more_pod_is_one_update() -> None:
    existing = planned(service(), [pod(n) for n in range(3)]).create
    again = planned(service(), [pod(n) for n in range(3)], existing)
    assert (again.create, again.update, again.delete) == ([], [], [])
    more = planned(service(), [pod(n) for n in range(4)], existing)
    assert (more.create, sizes(more.update), more.delete) == ([], [4], [])


def test_a_service_without_pods_keeps_one_empty_slice() -> None:
    existing = planned(service(), [pod(0)]).create
    emptied = planned(service(), [], existing)
    assert sizes(emptied.create) == [0]
    assert emptied.delete == existing
    again = planned(service(), [], emptied.create)
    assert (again.create, again.update, again.delete) == ([], [], [])


def test_headless_services_are_marked() -> None:
    plan = planned(service(cluster_ip="None"), [pod(0)])
    assert plan.create[0].metadata.labels["service.kubernetes.io/headless"] == ""


def test_endpoints_objects_part_ready_from_not_ready() -> None:
    content, cut = subsets.make_desired(service(), [pod(0), pod(1, ready=False), pod(2, deleting=True)])
    assert not cut
    (subset,) = content
    assert [entry["ip"] for entry in subset["addresses"]] == ["10.1.0.1"]
    assert [entry["ip"] for entry in subset["notReadyAddresses"]] == ["10.1.0.2"]
    assert subset["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]


def test_a_flag_limits_the_endpoints_of_a_slice() -> None:
    owner = service()
    wanted = slice_plan.make_desired(owner, [pod(number) for number in range(5)], "IPv4", lambda _: "")
    plan = slice_plan.make_plan(owner, "IPv4", wanted, [], limit=2)
    assert sizes(plan.create) == [2, 2, 1]
    # A slice that is fuller than a lower limit keeps its endpoints.
    again = slice_plan.make_plan(owner, "IPv4", wanted, plan.create, limit=1)
    assert (again.create, again.update, again.delete) == ([], [], [])


def test_metrics_add_up_endpoints_and_slices_of_all_services() -> None:
    def read(name: str) -> float:
        return REGISTRY.get_sample_value(f"endpoint_slice_controller_{name}") or 0.0

    names = ("endpoints_desired", "num_endpoint_slices", "desired_endpoint_slices")
    before = [read(name) for name in names]

    def list_changes() -> list[float]:
        return [read(name) - old for name, old in zip(names, before, strict=True)]

    counts = SliceMetrics(limit=100)
    first = planned(service(), [pod(number) for number in range(150)])
    assert (first.added, first.removed) == (150, 0)
    counts.count_plans("ns/web", [first])
    counts.count_plans("ns/empty", [planned(service(), [])])
    assert list_changes() == [150, 3, 3]
    fewer = planned(service(), [pod(number) for number in range(10)], first.create)
    assert (fewer.added, fewer.removed) == (0, 140)
    counts.count_plans("ns/web", [fewer])
    assert list_changes() == [10, 2, 2]
    counts.forget("ns/web")
    counts.forget("ns/empty")
    assert list_changes() == [0, 0, 0]


def test_ports_of_the_same_addresses_share_a_subset_of_endpoints() -> None:
    """A port that one pod lacks gets a subset of its own. A pod without any of the ports is left out."""
    ports = [
        ServicePort(name="plain", port=81, target_port=8081),
        ServicePort(name="named", target_port="http"),
    ]
    other = pod(1)
    other.spec.containers = []
    content, _ = subsets.make_desired(service(ports=ports), [pod(0), other])
    found = [
        ([each["ip"] for each in subset["addresses"]], [each["name"] for each in subset["ports"]])
        for subset in content
    ]
    assert found == [(["10.1.0.1"], ["named"]), (["10.1.0.1", "10.1.0.2"], ["plain"])]
    assert subsets.make_desired(service(), [other])[0] == []


def test_pods_of_the_host_network_with_one_address_are_both_named() -> None:
    twin = pod(1)
    twin.status.pod_ips = pod(0).status.pod_ips
    content, _ = subsets.make_desired(service(), [pod(0), twin])
    assert [each["targetRef"]["name"] for each in content[0]["addresses"]] == ["p0", "p1"]
