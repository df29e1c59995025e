"""ClusterIPs and node ports belong to one service only, however many servers give them out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kprov.kube.apiserver.registry.core.service import allocators
from kprov.kube.apiserver.registry.core.service.allocators.address_range import AddressRange
from kprov.kube.apiserver.registry.core.service.allocators.node_port import PortRange
from kprov.kube.apiserver.registry.core.service.allocators.repair import Repair
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.machinery.status import StatusError
from tests.builders.services import build_service
from tests.unit.kube.apiserver.registry.core.service.service_writes import (
    create_service,
    list_addresses,
    list_node_ports,
)


async def test_two_servers_never_give_the_same_address(make_server: Any) -> None:
    first, second = await make_server(), await make_server()
    made = await asyncio.gather(
        *(
            create_service(registry, build_service(f"s{n}-{m}"))
            for n, registry in enumerate((first, second))
            for m in range(40)
        )
    )
    assert len({obj["spec"]["clusterIP"] for obj in made}) == 80


async def test_the_first_address_is_for_the_kubernetes_service_only(registry: Registry) -> None:
    cidr = AddressRange.of_flag("10.96.0.0/29")[0]
    assert [str(address) for address in cidr.candidates(set())] != []
    assert "10.96.0.1" not in {str(address) for address in cidr.candidates(set())}
    made = await create_service(registry, build_service("kubernetes", clusterIP="10.96.0.1"))
    assert made["spec"]["clusterIP"] == "10.96.0.1"


async def test_an_address_that_is_taken_is_refused_in_upstreams_words(registry: Registry) -> None:
    await create_service(registry, build_service("a", clusterIP="10.96.0.9"))
    with pytest.raises(StatusError) as refusal:
        await create_service(registry, build_service("b", clusterIP="10.96.0.9"))
    assert refusal.value.code == 422
    assert "failed to allocate IP 10.96.0.9: provided IP is already allocated" in refusal.value.message


async def test_an_address_outside_the_range_is_refused(registry: Registry) -> None:
    with pytest.raises(StatusError, match="the provided network does not match the current range"):
        await create_service(registry, build_service("a", clusterIP="10.97.0.9"))


async def test_a_full_range_says_so(registry: Registry, options: Any) -> None:
    for n in range(253):
        await create_service(registry, build_service(f"s{n}"))
    with pytest.raises(StatusError, match="range is full"):
        await create_service(registry, build_service("one-more"))


async def test_a_node_port_that_is_taken_is_refused(registry: Registry) -> None:
    port = [{"port": 80, "nodePort": 30007}]
    await create_service(registry, build_service("a", type="NodePort", ports=port))
    with pytest.raises(StatusError, match=r"ports\[0\].nodePort: .*provided port is already allocated"):
        await create_service(registry, build_service("b", type="NodePort", ports=[dict(port[0])]))
    with pytest.raises(StatusError, match="The range of valid ports is 30000-30031"):
        await create_service(
            registry, build_service("b", type="NodePort", ports=[{"port": 80, "nodePort": 80}])
        )


async def test_repair_reserves_what_services_hold_and_frees_what_nobody_holds(
    registry: Registry, options: Any
) -> None:
    # Chosen, not by chance: one of 32 ports would be the leftover's.
    port = [{"port": 80, "nodePort": 30007}]
    made = await create_service(
        registry, build_service("web", type="NodePort", clusterIP="10.96.0.7", ports=port)
    )
    given, ports = allocators.build(options, registry)
    await given.release("default", "web", made["spec"]["clusterIP"])
    await ports.release("default", "web", made["spec"]["ports"][0]["nodePort"])
    await given.take("default", "gone", "IPv4", "10.96.0.77")
    await ports.take("default", "gone", 30009)
    repair = Repair(registry, given, ports)
    await repair.run_once()
    # Seen once it may belong to a service that is being made.
    assert "10.96.0.77" in await list_addresses(registry)
    await repair.run_once()
    assert await list_addresses(registry) == {made["spec"]["clusterIP"]}
    assert await list_node_ports(registry) == {made["spec"]["ports"][0]["nodePort"]}


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("30000-32767", 30000, 32767), ("30000+10", 30000, 30010), ("31000", 31000, 31000)],
)
def test_a_port_range_is_read_as_upstream_reads_it(text: str, low: int, high: int) -> None:
    assert PortRange.parse(text) == PortRange(low, high)
