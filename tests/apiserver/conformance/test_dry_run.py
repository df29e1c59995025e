"""Dry runs of services show addresses and ports, and take none."""

from __future__ import annotations

from tests.apiserver.conformance.calls import ok
from tests.apiserver.servers import ApiServer

SERVICE = {"metadata": {"name": "a"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}


def test_a_dry_run_of_a_service_shows_an_address_and_a_port(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    spec = ok(server, "POST", f"{path}?dryRun=All", SERVICE)["spec"]
    assert (spec["clusterIP"], spec["clusterIPs"]) == ("10.96.0.0", ["10.96.0.0"])
    assert spec["ports"][0]["nodePort"] == 32769
    assert server.get(f"{path}/a").status == 404


def test_a_dry_run_does_not_look_whether_an_address_is_free(server: ApiServer, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    held = ok(server, "POST", path, SERVICE)["spec"]["clusterIP"]
    other = {"metadata": {"name": "b"}, "spec": {"clusterIP": held, "ports": [{"port": 80}]}}
    assert server.post(f"{path}?dryRun=All", other).status == 201
    assert server.post(path, other).status == 422
    other["spec"] = {"clusterIP": "10.97.0.9", "ports": [{"port": 80}]}
    refused = server.post(f"{path}?dryRun=All", other)
    assert (refused.status, "The range of valid IPs is 10.96.0.0/24" in refused.json["message"]) == (
        422,
        True,
    )
