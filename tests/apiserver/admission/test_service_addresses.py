"""ClusterIPs and node ports with several API servers, and ranges that come and go."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.apiserver.admission.conftest import Space, eventually, new_space
from tests.apiserver.controllers import controllers
from tests.apiserver.servers import ApiServer, Etcd, several
from tests.builders.services import build_service

SERVERS = 3
CIDRS = "/apis/networking.k8s.io/v1/servicecidrs"
ADDRESSES = "/apis/networking.k8s.io/v1/ipaddresses"
MERGE = "application/merge-patch+json"


@pytest.fixture(scope="module")
def over_one_etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Etcd, list[ApiServer]]]:
    with (
        several(tmp_path_factory.mktemp("several"), SERVERS) as (etcd, started),
        controllers(started[0], "service-cidr-controller", "serviceaccount-controller"),
    ):
        yield etcd, started


@pytest.fixture
def etcd(over_one_etcd: tuple[Etcd, list[ApiServer]]) -> Etcd:
    return over_one_etcd[0]


@pytest.fixture
def servers(over_one_etcd: tuple[Etcd, list[ApiServer]]) -> list[ApiServer]:
    return over_one_etcd[1]


@pytest.fixture
def spaces(servers: list[ApiServer]) -> list[Space]:
    """One namespace, seen through every server."""
    name = new_space(servers[0]).name
    return [Space(server, name) for server in servers]


def cidr(name: str, *cidrs: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}


def condition(server: ApiServer, name: str) -> dict[str, Any]:
    conditions = server.get(f"{CIDRS}/{name}").json.get("status", {}).get("conditions", [])
    return next((dict(each) for each in conditions if each["type"] == "Ready"), {})


def addresses_held(space: Space) -> set[str]:
    return {obj["metadata"]["name"] for obj in space.server.get(ADDRESSES).json["items"]}


def test_no_address_and_no_port_is_given_twice(spaces: list[Space]) -> None:
    """All servers at once, names that collide, services that go again, a full range in the end."""

    def work(number: int) -> int:
        space, name = spaces[number % SERVERS], f"s{number // 2}"
        answer = space.create("services", build_service(name, type="NodePort"))
        assert answer.status in {201, 409, 422}, answer.body
        if answer.status == 201 and number % 7 == 0:
            space.delete("services", name, "")
        return answer.status

    # A server that another test killed may have left one, which the repair loop frees.
    left = addresses_held(spaces[1])
    with ThreadPoolExecutor(12) as pool:
        statuses = Counter(pool.map(work, range(160)))
    assert statuses[201] >= 60
    items = spaces[0].server.get("/api/v1/services").json["items"]
    addresses = Counter(item["spec"]["clusterIP"] for item in items)
    ports = Counter(port.get("nodePort") for item in items for port in item["spec"]["ports"])
    ports.pop(None)
    assert max(addresses.values()) == 1
    assert max(ports.values()) == 1
    assert addresses_held(spaces[1]) | left == set(addresses) | left


def test_a_server_that_is_killed_leaves_nothing_doubled(
    servers: list[ApiServer], etcd: Etcd, spaces: list[Space], tmp_path_factory: pytest.TempPathFactory
) -> None:
    one = ApiServer(tmp_path_factory.mktemp("killed"), etcd).start()
    targets = [Space(one, spaces[0].name), *spaces]
    calls = 0

    def work(number: int) -> None:
        nonlocal calls
        space = targets[number % len(targets)]
        with contextlib.suppress(OSError, http.client.HTTPException):
            space.create("services", build_service(f"k{number}", type="NodePort"))
        calls += 1
        if calls == 15:
            # As a crash: nothing is finished.
            os.kill(one.process, signal.SIGKILL)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(40)))
    one.stop()
    items = servers[0].get("/api/v1/services").json["items"]
    held = {
        obj["metadata"]["name"]: obj["spec"]["parentRef"]["name"]
        for obj in servers[1].get(ADDRESSES).json["items"]
    }
    assert all(held[item["spec"]["clusterIP"]] == item["metadata"]["name"] for item in items)
    ports = Counter(
        port["nodePort"] for item in items for port in item["spec"]["ports"] if "nodePort" in port
    )
    assert max(ports.values()) == 1


def test_one_of_many_concurrent_services_gets_a_requested_address(spaces: list[Space]) -> None:
    def work(number: int) -> int:
        wanted = build_service(f"s{number}", clusterIP="10.96.0.9", type="NodePort")
        wanted["spec"]["ports"][0]["nodePort"] = 30080
        return spaces[number % SERVERS].create("services", wanted).status

    with ThreadPoolExecutor(9) as pool:
        statuses = Counter(pool.map(work, range(9)))
    assert statuses == {201: 1, 422: 8}


def test_what_is_refused(spaces: list[Space]) -> None:
    space = spaces[0]
    outside = space.create("services", build_service("a", clusterIP="10.99.0.1"))
    assert outside.json["message"] == (
        'Service "a" is invalid: spec.clusterIPs: Invalid value: ["10.99.0.1"]: failed to allocate IP 10.99.0.1: '
        "the provided network does not match the current range"
    )
    first = space.made("services", build_service("b"))["spec"]["clusterIP"]
    taken = space.create("services", build_service("c", clusterIP=first))
    assert taken.json["message"].endswith(
        f'["{first}"]: failed to allocate IP {first}: provided IP is already allocated'
    )


def test_a_new_range_gives_addresses_and_is_kept_while_they_are_used(spaces: list[Space]) -> None:
    """ServiceCIDR API: ready, used, deletion blocked, gone."""
    server = spaces[0].server
    assert server.post(CIDRS, cidr("second", "10.97.0.0/28")).status == 201
    assert eventually(lambda: condition(server, "second").get("status") == "True")
    wanted = build_service("in-second", clusterIP="10.97.0.5")
    assert eventually(lambda: spaces[1].create("services", wanted).status in {201, 422})
    assert spaces[0].get("services", "in-second")["spec"]["clusterIP"] == "10.97.0.5"
    assert server.ask("DELETE", f"{CIDRS}/second").status == 200
    blocked = eventually(lambda: condition(server, "second").get("reason") == "Terminating")
    assert blocked
    assert spaces[2].create("services", build_service("late", clusterIP="10.97.0.6")).status == 422
    spaces[0].delete("services", "in-second", "")
    assert eventually(lambda: server.get(f"{CIDRS}/second").status == 404, 30)


def test_a_range_within_another_goes_at_once(servers: list[ApiServer]) -> None:
    server = servers[0]
    server.post(CIDRS, cidr("inner", "10.96.0.0/28"))
    assert eventually(lambda: condition(server, "inner").get("status") == "True")
    server.ask("DELETE", f"{CIDRS}/inner")
    assert eventually(lambda: server.get(f"{CIDRS}/inner").status == 404, 30)


def test_an_address_that_was_lost_is_written_down_again(
    servers: list[ApiServer], etcd: Etcd, spaces: list[Space], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The repair loop of a server that starts, with its event."""
    address = spaces[0].made("services", build_service("lost"))["spec"]["clusterIP"]
    etcd.delete(f"/registry/ipaddresses/{address}")
    one = ApiServer(tmp_path_factory.mktemp("late"), etcd).start()
    try:
        found = eventually(lambda: one.get(f"{ADDRESSES}/{address}").status == 200)
        assert found
        parent = one.get(f"{ADDRESSES}/{address}").json["spec"]["parentRef"]
        assert (parent["resource"], parent["name"]) == ("services", "lost")
        events = one.get(spaces[0].path("events")).json["items"]
        assert [(each["reason"], each["message"]) for each in events] == [
            ("ClusterIPNotAllocated", f"Cluster IP [IPv4]: {address} is not allocated; repairing")
        ]
    finally:
        one.stop()
    assert json.dumps(
        servers[0].get(f"{ADDRESSES}/{address}").json["metadata"]["labels"], sort_keys=True
    ) == (
        '{"ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}'
    )


def test_the_ip_address_api(servers: list[ApiServer]) -> None:
    """IPAddress API: create, read, list, patch, update, delete, delete a collection."""
    server = servers[0]
    parent = {"resource": "pods", "namespace": "default", "name": "p", "group": ""}
    made = {"metadata": {"name": "192.168.2.1", "labels": {"test": "a"}}, "spec": {"parentRef": parent}}
    assert server.post(ADDRESSES, made).status == 201
    second = json.loads(json.dumps(made).replace("192.168.2.1", "2001:db8::1"))
    assert server.post(ADDRESSES, second).status == 201
    change = {"metadata": {"annotations": {"patched": "true"}}}
    path = f"{ADDRESSES}/192.168.2.1"
    assert server.ask("PATCH", path, change, content_type=MERGE).json["metadata"]["annotations"]
    found = server.get(path).json
    found["metadata"]["labels"]["more"] = "b"
    assert server.ask("PUT", path, found).json["metadata"]["labels"]["more"] == "b"
    assert len(server.get(f"{ADDRESSES}?labelSelector=test=a").json["items"]) == 2
    assert server.ask("DELETE", path).status == 200
    assert server.ask("DELETE", f"{ADDRESSES}?labelSelector=test=a").status == 200
    assert server.get(f"{ADDRESSES}?labelSelector=test=a").json["items"] == []


def test_the_service_cidr_api(servers: list[ApiServer]) -> None:
    """ServiceCIDR API: the default one, patch, update, status, delete a collection."""
    server = servers[0]
    assert server.get(f"{CIDRS}/kubernetes").json["spec"]["cidrs"] == ["10.96.0.0/24"]
    assert condition(server, "kubernetes")["status"] == "True"
    made = cidr("patched", "2001:db8:1::/64") | {"metadata": {"name": "patched", "labels": {"test": "a"}}}
    assert server.post(CIDRS, made).status == 201
    path = f"{CIDRS}/patched"
    change = {"metadata": {"annotations": {"patched": "true"}}}
    assert server.ask("PATCH", path, change, content_type=MERGE).status == 200
    told = {"type": "Test", "status": "True", "reason": "R", "message": "m"}
    told["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    status = {"status": {"conditions": [told]}}
    answer = server.ask("PATCH", f"{path}/status", status, content_type=MERGE)
    assert "Test" in {each["type"] for each in answer.json["status"]["conditions"]}
    assert server.ask("DELETE", f"{CIDRS}?labelSelector=test=a").status == 200
    assert eventually(lambda: server.get(path).status == 404, 30)
