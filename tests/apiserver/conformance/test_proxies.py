"""What proxies and logs refuse by themselves; what they pass on is in the unit tests."""

from __future__ import annotations

import pytest

from tests.apiserver.servers import ApiServer

NODE = "/api/v1/nodes/proxied"
POD = "/api/v1/namespaces/default/pods/proxied"


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
    spec = {"automountServiceAccountToken": False, "containers": [{"name": "c", "image": "i"}]}
    server.post(POD.rpartition("/")[0], {"metadata": {"name": "proxied"}, "spec": spec})


def test_no_one_is_sent_to_the_servers_own_host_as_a_node(server: ApiServer) -> None:
    answer = server.get(f"{NODE}/proxy/healthz")
    assert (answer.status, answer.json["message"]) == (400, "address not allowed")


@pytest.mark.parametrize(
    ("accept", "code"),
    [("text/plain", 406), ("*/*", 204), ("application/yaml", 204), ("text/plain, */*", 204)],
)
def test_a_log_is_asked_for_as_an_object(server: ApiServer, accept: str, code: int) -> None:
    assert server.get(f"{POD}/log", headers={"Accept": accept}).status == code
