"""Endpoints of services without a selector, mirrored into slices."""

from typing import Any

from kprov.kube.api.core import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, ObjectReference
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.api.meta import NodeName
from kprov.kube.controller_manager.endpoints import mirror_plan
from kprov.kube.controller_manager.endpoints.slice_plan import MANAGED_BY, SERVICE_NAME

PORT = EndpointPort(name="http", port=80)


def endpoints(*subsets: EndpointSubset) -> Endpoints:
    made = Endpoints(subsets=list(subsets))
    made.metadata.name, made.metadata.namespace, made.metadata.uid = "web", "default", "u"
    made.metadata.labels = {"mine": "1"}
    made.metadata.annotations = {"kept": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}"}
    return made


def subset(
    *ips: str, ports: tuple[EndpointPort, ...] = (PORT,), not_ready: tuple[str, ...] = ()
) -> EndpointSubset:
    return EndpointSubset(
        addresses=[EndpointAddress(ip=ip) for ip in ips],
        not_ready_addresses=[EndpointAddress(ip=ip) for ip in not_ready],
        ports=list(ports),
    )


def made_of(of: Endpoints, existing: tuple[EndpointSlice, ...] = (), limit: int = 1000) -> Any:
    return mirror_plan.make_plan(of, mirror_plan.make_wanted(of, limit).groups, existing, limit)


def stored(new: EndpointSlice, name: str) -> EndpointSlice:
    new.metadata.name = name
    return new


def test_families_and_ports_have_slices_of_their_own() -> None:
    of = endpoints(subset("10.0.0.1", "fd00::1"), subset("10.0.0.2", ports=(EndpointPort(port=81),)))
    plan = made_of(of)
    found = sorted(
        (each.address_type, each.ports[0].port, each.endpoints[0].addresses) for each in plan.create
    )
    assert found == [("IPv4", 80, ["10.0.0.1"]), ("IPv4", 81, ["10.0.0.2"]), ("IPv6", 80, ["fd00::1"])]
    meta = plan.create[0].metadata
    assert meta.generate_name == "web-"
    assert meta.labels == {"mine": "1", SERVICE_NAME: "web", MANAGED_BY: mirror_plan.CONTROLLER}
    assert meta.annotations == {"kept": "1"}


def test_subsets_of_the_same_addresses_are_one_slice() -> None:
    of = endpoints(subset("10.0.0.1"), subset("10.0.0.1", ports=(EndpointPort(name="tls", port=443),)))
    (one,) = made_of(of).create
    assert [port.port for port in one.ports] == [80, 443]


def test_who_is_not_ready_somewhere_is_not_ready() -> None:
    (one,) = made_of(endpoints(subset("10.0.0.1"), subset(not_ready=("10.0.0.1", "10.0.0.2")))).create
    assert [(each.addresses, each.conditions.ready) for each in one.endpoints] == [
        (["10.0.0.1"], False),
        (["10.0.0.2"], False),
    ]


def test_addresses_in_odd_forms_and_none() -> None:
    target = ObjectReference(kind="Pod", name="p", uid="x")
    address = EndpointAddress(ip="010.000.000.001", hostname="h", node_name=NodeName("n"), target_ref=target)
    of = endpoints(EndpointSubset(addresses=[address, EndpointAddress(ip="no address")], ports=[PORT]))
    wanted = mirror_plan.make_wanted(of, 1000)
    assert wanted.invalid == 1
    ((group, (endpoint,)),) = wanted.groups.items()
    assert (group[0], endpoint.addresses) == ("IPv4", ["10.0.0.1"])
    assert (endpoint.hostname, endpoint.node_name, endpoint.target_ref) == ("h", "n", target)


def test_too_many_addresses_are_cut_ready_ones_first() -> None:
    wanted = mirror_plan.make_wanted(endpoints(subset("10.0.0.9", not_ready=("10.0.0.1", "10.0.0.2"))), 2)
    assert wanted.skipped == 1
    ((_, content),) = wanted.groups.items()
    assert [each.addresses for each in content] == [["10.0.0.9"], ["10.0.0.1"]]


def test_what_is_right_is_left_alone_and_what_is_not_is_written_again() -> None:
    of = endpoints(subset("10.0.0.1"))
    (new,) = made_of(of).create
    there = stored(new, "web-1")
    plan = made_of(of, (there,))
    assert (plan.create, plan.update, plan.delete) == ([], [], [])
    plan = made_of(endpoints(subset("10.0.0.2")), (there,))
    assert [(each.metadata.name, each.endpoints[0].addresses) for each in plan.update] == [
        ("web-1", ["10.0.0.2"])
    ]


def test_a_slice_of_other_ports_serves_again() -> None:
    (new,) = made_of(endpoints(subset("10.0.0.1"))).create
    plan = made_of(endpoints(subset("10.0.0.1", ports=(EndpointPort(port=81),))), (stored(new, "web-1"),))
    assert (plan.create, plan.delete) == ([], [])
    (changed,) = plan.update
    assert (changed.metadata.name, changed.metadata.generate_name) == ("web-1", "")
    assert changed.ports[0].port == 81


async def test_a_mirror_comes_follows_and_goes(api: Any, start: Any) -> None:
    await start("endpointslice-mirroring-controller", "endpointslice-controller")
    await api.create("services", {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})
    port = {"port": 80, "protocol": "TCP"}
    subsets = [{"addresses": [{"ip": "10.1.2.3"}], "ports": [port]}]
    made = await api.create("endpoints", {"metadata": {"name": "web"}, "subsets": subsets})

    def addresses() -> list[str]:
        return [
            ip for each in api.list("endpointslices") for one in each["endpoints"] for ip in one["addresses"]
        ]

    await api.until(lambda: addresses() == ["10.1.2.3"])
    (one,) = api.list("endpointslices")
    assert one["metadata"]["ownerReferences"][0]["uid"] == made["metadata"]["uid"]
    assert one["ports"] == [{"name": "", **port}]
    subsets[0]["addresses"] = [{"ip": "10.2.3.4"}]
    await api.change("endpoints", "web", {"subsets": subsets})
    await api.until(lambda: addresses() == ["10.2.3.4"])
    assert len(api.list("endpointslices")) == 1
    await api.change("endpoints", "web", {"metadata": {"labels": {mirror_plan.SKIP: "true"}}})
    await api.until(lambda: not api.list("endpointslices"))
    await api.change("endpoints", "web", {"metadata": {"labels": {mirror_plan.SKIP: None}}})
    await api.until(lambda: addresses() == ["10.2.3.4"])
    await api.delete(("endpoints", "default", "web"))
    await api.until(lambda: not api.list("endpointslices"))


async def test_endpoints_of_a_service_with_a_selector_are_not_mirrored(api: Any, start: Any) -> None:
    await start("endpointslice-mirroring-controller")
    await api.create("services", {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}})
    subsets = [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 80}]}]
    await api.create("endpoints", {"metadata": {"name": "web"}, "subsets": subsets})
    await api.until(lambda: api.list("endpointslices"))
    await api.change("services", "web", {"spec": {"selector": {"app": "web"}}})
    await api.until(lambda: not api.list("endpointslices"))
