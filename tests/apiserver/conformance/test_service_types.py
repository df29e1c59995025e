"""Services that change their type: what they are given and what they give back."""

from __future__ import annotations

import pytest

from kprov.kube.machinery.json_object import JsonObject
from tests.apiserver.conformance.calls import ok
from tests.apiserver.servers import ApiServer

_PORTS = {"ports": [{"name": "http", "port": 80, "protocol": "TCP"}]}
_NAMED: JsonObject = {"type": "ExternalName", "externalName": "example.com"}


_QUIET = "kube-proxy, DNS and pods: nobody calls the service"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "ClusterIP",
            "ExternalName",
            marks=pytest.mark.entry(
                "Services should be able to change the type from ClusterIP to ExternalName", without=_QUIET
            ),
        ),
        pytest.param(
            "ExternalName",
            "ClusterIP",
            marks=pytest.mark.entry(
                "Services should be able to change the type from ExternalName to ClusterIP", without=_QUIET
            ),
        ),
        pytest.param(
            "ExternalName",
            "NodePort",
            marks=pytest.mark.entry(
                "Services should be able to change the type from ExternalName to NodePort", without=_QUIET
            ),
        ),
        pytest.param(
            "NodePort",
            "ExternalName",
            marks=pytest.mark.entry(
                "Services should be able to change the type from NodePort to ExternalName", without=_QUIET
            ),
        ),
    ],
)
def test_services_should_be_able_to_change_their_type(
    server: ApiServer, namespace: str, before: str, after: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/services"
    spec = _NAMED if before == "ExternalName" else {"type": before, **_PORTS}
    made = ok(server, "POST", path, {"metadata": {"name": "s"}, "spec": spec})
    given = made["spec"].get("clusterIP")
    assert bool(given) is (before != "ExternalName")
    if after == "ExternalName":
        made["spec"] |= _NAMED
    else:
        made["spec"] |= {"type": after, **_PORTS}
        del made["spec"]["externalName"]
    changed = ok(server, "PUT", f"{path}/s", made)["spec"]
    assert changed["type"] == after
    if after == "ExternalName":
        assert (changed["externalName"], "clusterIP" in changed) == ("example.com", False)
        assert not changed.get("clusterIPs")
        assert server.get(f"/apis/networking.k8s.io/v1/ipaddresses/{given}").status == 404
        return
    assert "externalName" not in changed
    address = ok(server, "GET", f"/apis/networking.k8s.io/v1/ipaddresses/{changed['clusterIP']}")
    assert address["spec"]["parentRef"]["namespace"] == namespace
    assert bool(changed["ports"][0].get("nodePort")) is (after == "NodePort")
