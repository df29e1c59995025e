"""ClusterIPs and node ports belong to one service only, however many servers give them out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kprov.kube.apiserver.registry.core.service import allocators
from kprov.kube.apiserver.registry.core.service.allocators.address_range import AddressRange
from kprov.kube.apiserver.registry.core.service.allocators.node_port import PREFIX, PortRange
from kprov.kube.apiserver.registry.core.service.allocators.repair import Repair
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.machinery.status import StatusError
from tests.builders.services import build_service


async def create(registry: Registry, obj: JsonObject, *, dry_run: bool = False) -> JsonObject:
    store = registry.store("", "services")
    context = make_system_context("create", store.resource)
    context.dry_run = dry_run
    return await store.create(context, "default", obj)


async def change(registry: Registry, name: str, **spec: Any) -> JsonObject:
    store = registry.store("", "services")

    def write(obj: JsonObject | None) -> JsonObject:
        assert obj is not None
        obj["spec"].update(spec)
        return obj

    return (await store.update(make_system_context("update", store.resource), "default", name, write))[0]


async def addresses(registry: Registry) -> set[str]:
    store = registry.store("networking.k8s.io", "ipaddresses")
    return {obj["metadata"]["name"] for obj in await store.list(make_system_context("list", store.resource))}


async def node_ports(registry: Registry) -> set[int]:
    page = await registry.storage.list(PREFIX)
    return {int(item.key.removeprefix(PREFIX)) for item in page.items}


async def test_a_service_gets_an_address_and_says_which_family(registry: Registry) -> None:
    spec = (await create(registry, build_service("web")))["spec"]
    assert spec["clusterIP"] in await addresses(registry)
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


async def test_two_servers_never_give_the_same_address(make_server: Any) -> None:
    first, second = await make_server(), await make_server()
    made = await asyncio.gather(
        *(
            create(registry, build_service(f"s{n}-{m}"))
            for n, registry in enumerate((first, second))
            for m in range(40)
        )
    )
    assert len({obj["spec"]["clusterIP"] for obj in made}) == 80


async def test_the_first_address_is_for_the_kubernetes_service_only(registry: Registry) -> None:
    cidr = AddressRange.of_flag("10.96.0.0/29")[0]
    assert [str(address) for address in cidr.candidates(set())] != []
    assert "10.96.0.1" not in {str(address) for address in cidr.candidates(set())}
    made = await create(registry, build_service("kubernetes", clusterIP="10.96.0.1"))
    assert made["spec"]["clusterIP"] == "10.96.0.1"


async def test_an_address_that_is_taken_is_refused_in_upstreams_words(registry: Registry) -> None:
    await create(registry, build_service("a", clusterIP="10.96.0.9"))
    with pytest.raises(StatusError) as refusal:
        await create(registry, build_service("b", clusterIP="10.96.0.9"))
    assert refusal.value.code == 422
    assert "failed to allocate IP 10.96.0.9: provided IP is already allocated" in refusal.value.message


async def test_an_address_outside_the_range_is_refused(registry: Registry) -> None:
    with pytest.raises(StatusError, match="the provided network does not match the current range"):
        await create(registry, build_service("a", clusterIP="10.97.0.9"))


async def test_a_full_range_says_so(registry: Registry, options: Any) -> None:
    for n in range(253):
        await create(registry, build_service(f"s{n}"))
    with pytest.raises(StatusError, match="range is full"):
        await create(registry, build_service("one-more"))


async def test_a_failed_create_gives_back_what_it_took(registry: Registry) -> None:
    await create(registry, build_service("web", type="NodePort"))
    before = await addresses(registry), await node_ports(registry)
    with pytest.raises(StatusError, match="already exists"):
        await create(registry, build_service("web", type="NodePort"))
    assert (await addresses(registry), await node_ports(registry)) == before


async def test_a_dry_run_takes_nothing(registry: Registry) -> None:
    made = await create(registry, build_service("web", type="NodePort"), dry_run=True)
    assert (made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]) == ("10.96.0.0", 32769)
    assert await addresses(registry) == set()
    assert await node_ports(registry) == set()


async def test_deletion_frees_address_and_ports(registry: Registry) -> None:
    await create(registry, build_service("web", type="NodePort"))
    store = registry.store("", "services")
    await store.delete(make_system_context("delete", store.resource), "default", "web")
    assert await addresses(registry) == set()
    assert await node_ports(registry) == set()


async def test_a_headless_service_takes_no_address(registry: Registry) -> None:
    made = await create(registry, build_service("web", clusterIP="None", selector={"a": "b"}))
    assert made["spec"]["clusterIPs"] == ["None"]
    assert await addresses(registry) == set()


async def test_node_ports_come_and_go_with_the_type(registry: Registry) -> None:
    await create(registry, build_service("web"))
    ports = (await change(registry, "web", type="NodePort"))["spec"]["ports"]
    assert await node_ports(registry) == {ports[0]["nodePort"]}
    ports = (await change(registry, "web", type="ClusterIP"))["spec"]["ports"]
    assert "nodePort" not in ports[0]
    assert await node_ports(registry) == set()


async def test_a_node_port_stays_when_the_client_leaves_it_out(registry: Registry) -> None:
    made = await create(registry, build_service("web", type="NodePort"))
    changed = await change(registry, "web", ports=[{"port": 80, "targetPort": 8080}])
    assert changed["spec"]["ports"][0]["nodePort"] == made["spec"]["ports"][0]["nodePort"]


async def test_tcp_and_udp_of_one_port_share_a_node_port(registry: Registry) -> None:
    both = [{"name": "t", "port": 53}, {"name": "u", "port": 53, "protocol": "UDP"}]
    made = await create(registry, build_service("dns", type="NodePort", ports=both))
    first, second = made["spec"]["ports"]
    assert first["nodePort"] == second["nodePort"]


async def test_a_node_port_that_is_taken_is_refused(registry: Registry) -> None:
    port = [{"port": 80, "nodePort": 30007}]
    await create(registry, build_service("a", type="NodePort", ports=port))
    with pytest.raises(StatusError, match=r"ports\[0\].nodePort: .*provided port is already allocated"):
        await create(registry, build_service("b", type="NodePort", ports=[dict(port[0])]))
    with pytest.raises(StatusError, match="The range of valid ports is 30000-30031"):
        await create(registry, build_service("b", type="NodePort", ports=[{"port": 80, "nodePort": 80}]))


async def test_becoming_an_external_name_frees_the_address(registry: Registry) -> None:
    await create(registry, build_service("web"))
    changed = await change(registry, "web", type="ExternalName", externalName="example.org")
    assert "clusterIP" not in changed["spec"]
    assert await addresses(registry) == set()


async def test_repair_reserves_what_services_hold_and_frees_what_nobody_holds(
    registry: Registry, options: Any
) -> None:
    # Chosen, not by chance: one of 32 ports would be the leftover's.
    port = [{"port": 80, "nodePort": 30007}]
    made = await create(registry, build_service("web", type="NodePort", clusterIP="10.96.0.7", ports=port))
    given, ports = allocators.build(options, registry)
    await given.release("default", "web", made["spec"]["clusterIP"])
    await ports.release("default", "web", made["spec"]["ports"][0]["nodePort"])
    await given.take("default", "gone", "IPv4", "10.96.0.77")
    await ports.take("default", "gone", 30009)
    repair = Repair(registry, given, ports)
    await repair.run_once()
    # Seen once it may belong to a service that is being made.
    assert "10.96.0.77" in await addresses(registry)
    await repair.run_once()
    assert await addresses(registry) == {made["spec"]["clusterIP"]}
    assert await node_ports(registry) == {made["spec"]["ports"][0]["nodePort"]}


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("30000-32767", 30000, 32767), ("30000+10", 30000, 30010), ("31000", 31000, 31000)],
)
def test_a_port_range_is_read_as_upstream_reads_it(text: str, low: int, high: int) -> None:
    assert PortRange.parse(text) == PortRange(low, high)
