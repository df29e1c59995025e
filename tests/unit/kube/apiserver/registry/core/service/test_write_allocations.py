"""A write of a service takes the addresses and ports that it needs, and gives back the others."""

from __future__ import annotations

import pytest

from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request.system_context import make_system_context
from kprov.kube.machinery.status import StatusError
from tests.builders.services import build_service
from tests.unit.kube.apiserver.registry.core.service.service_writes import (
    change_service,
    create_service,
    list_addresses,
    list_node_ports,
)


async def test_a_service_gets_an_address_and_says_which_family(registry: Registry) -> None:
    spec = (await create_service(registry, build_service("web")))["spec"]
    assert spec["clusterIP"] in await list_addresses(registry)
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


async def test_a_failed_create_gives_back_what_it_took(registry: Registry) -> None:
    await create_service(registry, build_service("web", type="NodePort"))
    before = await list_addresses(registry), await list_node_ports(registry)
    with pytest.raises(StatusError, match="already exists"):
        await create_service(registry, build_service("web", type="NodePort"))
    assert (await list_addresses(registry), await list_node_ports(registry)) == before


async def test_a_dry_run_takes_nothing(registry: Registry) -> None:
    made = await create_service(registry, build_service("web", type="NodePort"), dry_run=True)
    assert (made["spec"]["clusterIP"], made["spec"]["ports"][0]["nodePort"]) == ("10.96.0.0", 32769)
    assert await list_addresses(registry) == set()
    assert await list_node_ports(registry) == set()


async def test_deletion_frees_address_and_ports(registry: Registry) -> None:
    await create_service(registry, build_service("web", type="NodePort"))
    store = registry.store("", "services")
    await store.delete(make_system_context("delete", store.resource), "default", "web")
    assert await list_addresses(registry) == set()
    assert await list_node_ports(registry) == set()


async def test_a_headless_service_takes_no_address(registry: Registry) -> None:
    made = await create_service(registry, build_service("web", clusterIP="None", selector={"a": "b"}))
    assert made["spec"]["clusterIPs"] == ["None"]
    assert await list_addresses(registry) == set()


async def test_node_ports_come_and_go_with_the_type(registry: Registry) -> None:
    await create_service(registry, build_service("web"))
    ports = (await change_service(registry, "web", type="NodePort"))["spec"]["ports"]
    assert await list_node_ports(registry) == {ports[0]["nodePort"]}
    ports = (await change_service(registry, "web", type="ClusterIP"))["spec"]["ports"]
    assert "nodePort" not in ports[0]
    assert await list_node_ports(registry) == set()


async def test_a_node_port_stays_when_the_client_leaves_it_out(registry: Registry) -> None:
    made = await create_service(registry, build_service("web", type="NodePort"))
    changed = await change_service(registry, "web", ports=[{"port": 80, "targetPort": 8080}])
    assert changed["spec"]["ports"][0]["nodePort"] == made["spec"]["ports"][0]["nodePort"]


async def test_tcp_and_udp_of_one_port_share_a_node_port(registry: Registry) -> None:
    both = [{"name": "t", "port": 53}, {"name": "u", "port": 53, "protocol": "UDP"}]
    made = await create_service(registry, build_service("dns", type="NodePort", ports=both))
    first, second = made["spec"]["ports"]
    assert first["nodePort"] == second["nodePort"]


async def test_becoming_an_external_name_frees_the_address(registry: Registry) -> None:
    await create_service(registry, build_service("web"))
    changed = await change_service(registry, "web", type="ExternalName", externalName="example.org")
    assert "clusterIP" not in changed["spec"]
    assert await list_addresses(registry) == set()
