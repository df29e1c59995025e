"""What proxies and logs refuse by themselves; what they pass on is in the unit tests."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.apiserver.servers import ApiServer

NODE = "/api/v1/nodes/proxied"
POD = "/api/v1/namespaces/default/pods/proxied"
SPEC = {"automountServiceAccountToken": False, "containers": [{"name": "c", "image": "i"}]}


@pytest.fixture(scope="module", autouse=True)
def _filled(server: ApiServer) -> None:
    server.post("/api/v1/nodes", {"metadata": {"name": "proxied"}})
    addresses = [{"type": "InternalIP", "address": "127.0.0.1"}]
    server.ask(
        "PATCH",
        f"{NODE}/status",
        {"status": {"addresses": addresses}},
        content_type="application/merge-patch+json",
    )
    server.post(POD.rpartition("/")[0], {"metadata": {"name": "proxied"}, "spec": SPEC})


def test_no_one_is_sent_to_the_servers_own_host_as_a_node(server: ApiServer) -> None:
    answer = server.get(f"{NODE}/proxy/healthz")
    assert (answer.status, answer.json["message"]) == (400, "address not allowed")


@pytest.mark.parametrize(
    ("accept", "code"),
    [("text/plain", 406), ("*/*", 204), ("application/yaml", 204), ("text/plain, */*", 204)],
)
def test_a_log_is_asked_for_as_an_object(server: ApiServer, accept: str, code: int) -> None:
    assert server.get(f"{POD}/log", headers={"Accept": accept}).status == code


@pytest.fixture(scope="module")
def placed(server: ApiServer) -> str:
    """The path of a pod with an address that answers nobody."""
    ended = server.ask(
        "PATCH",
        f"{POD}/status",
        {"status": {"phase": "Running", "podIP": "192.0.2.7", "podIPs": [{"ip": "192.0.2.7"}]}},
        content_type="application/merge-patch+json",
    )
    assert ended.status == 200, ended.json
    return POD


@pytest.mark.parametrize("port", ["x@[v1.name]", "80@elsewhere", "http", "٨٠", "9" * 5000, "-1"])
@pytest.mark.parametrize("scheme", ["", "https:"])
def test_a_port_that_is_no_number_is_refused_before_anything_is_looked_up(
    server: ApiServer, placed: str, scheme: str, port: str
) -> None:
    head, _, name = placed.rpartition("/")
    answer = server.get(f"{head}/{scheme}{name}:{quote(port, safe='')}/proxy/")
    assert answer.status == 503
    assert answer.json["message"].startswith("error trying to reach service: dial tcp: ")
    assert any(reason in answer.json["message"] for reason in ("unknown port", "invalid port"))


@pytest.mark.parametrize("port", ["x@[v1.name]", "9" * 5000])
def test_so_is_a_port_of_a_node_or_a_service(server: ApiServer, port: str) -> None:
    quoted = quote(port, safe="")
    assert server.get(f"{NODE}:{quoted}/proxy/").status == 503
    assert server.get(f"/api/v1/namespaces/default/services/kubernetes:{quoted}/proxy/").status == 503


def test_the_ports_of_a_port_forward_are_numbers(server: ApiServer) -> None:
    for port in ("9" * 5000, "%D9%A8", "x@[v1.name]"):
        assert server.get(f"{POD}/portforward?ports={port}").status == 400


@pytest.mark.parametrize("ip", ["127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "::1"])
def test_a_pod_whose_status_names_a_local_address_is_not_reached(server: ApiServer, ip: str) -> None:
    path = f"{POD.rpartition('/')[0]}/hostile"
    server.post(POD.rpartition("/")[0], {"metadata": {"name": "hostile"}, "spec": SPEC})
    server.ask(
        "PATCH",
        f"{path}/status",
        {"status": {"podIP": ip, "podIPs": [{"ip": ip}]}},
        content_type="application/merge-patch+json",
    )
    answer = server.get(f"{path}:{server.port}/proxy/")
    assert (answer.status, answer.json["message"]) == (400, "address not allowed")
