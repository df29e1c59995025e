"""What a server writes about itself and the cluster, as upstream's does."""

from __future__ import annotations

import datetime as dt
import socket
from typing import Any

from kprov.kube.apiserver.bootstrap.server_identity import build_identity
from tests.apiserver.conformance.calls import eventually
from tests.apiserver.servers import ApiServer, another

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


def test_a_server_has_a_lease(servers: list[ApiServer]) -> None:
    """Renewed by it; several on one host share it."""
    name = build_identity(socket.gethostname())

    def lease() -> Any:
        answer = servers[0].get(f"{LEASES}/{name}")
        return answer.json if answer.status == 200 else None

    found = eventually(lease)
    labels = {
        "apiserver.kubernetes.io/identity": "kube-apiserver",
        "kubernetes.io/hostname": socket.gethostname(),
    }
    assert found["metadata"]["labels"] == labels
    assert found["spec"]["leaseDurationSeconds"] == 3600
    assert found["spec"]["holderIdentity"].startswith(f"{name}_")
    assert eventually(lambda: (lease() or found)["spec"]["renewTime"] != found["spec"]["renewTime"])


def test_leases_of_servers_that_are_no_more_are_collected(
    servers: list[ApiServer], tmp_path_factory: Any
) -> None:
    labels = {"apiserver.kubernetes.io/identity": "kube-apiserver"}
    old = {"leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"}
    now = {**old, "renewTime": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.000000Z")}
    for name, spec, more in (("gone", old, labels), ("lives", now, labels), ("others", old, {})):
        made = servers[0].post(LEASES, {"metadata": {"name": name, "labels": more}, "spec": spec})
        assert made.status == 201, made.body
    with another(tmp_path_factory.mktemp("late") / "server", servers[0].etcd) as late:
        assert eventually(lambda: late.get(f"{LEASES}/gone").status == 404)
        assert late.get(f"{LEASES}/lives").status == 200
        assert late.get(f"{LEASES}/others").status == 200


def test_since_when_legacy_tokens_are_tracked(servers: list[ApiServer]) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps/kube-apiserver-legacy-service-account-token-tracking"
    found = eventually(lambda: servers[0].get(path).json.get("data"))
    assert dt.date.fromisoformat(found["since"])


def test_a_new_cluster_has_nothing_to_repair(servers: list[ApiServer]) -> None:
    events = servers[0].get("/api/v1/namespaces/default/events").json["items"]
    assert [each["message"] for each in events if each["reason"] == "ClusterIPNotAllocated"] == []


def test_an_address_has_a_cell_for_its_age(servers: list[ApiServer]) -> None:
    """Upstream gives three cells under two columns."""
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    table = servers[0].get("/apis/networking.k8s.io/v1/ipaddresses", headers=accept).json
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "ParentRef"]
    assert table["rows"][0]["cells"][:2] == ["10.96.0.1", "services/default/kubernetes"]
    assert len(table["rows"][0]["cells"]) == 3
