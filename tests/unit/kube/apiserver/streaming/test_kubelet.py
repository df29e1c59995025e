"""Addresses of kubelets."""

from __future__ import annotations

from typing import Any

import pytest

from kprov.kube.apiserver.streaming.kubelet import KubeletAddress, parse_address
from kprov.kube.machinery.status import StatusError


def node(port: int | None = 10251) -> dict[str, Any]:
    endpoints = {"daemonEndpoints": {"kubeletEndpoint": {"Port": port}}} if port else {}
    addresses = [{"type": "Hostname", "address": "n1"}, {"type": "InternalIP", "address": "10.0.0.1"}]
    return {"metadata": {"name": "n1"}, "status": {"addresses": addresses} | endpoints}


def test_a_kubelets_address_has_the_preferred_type() -> None:
    assert parse_address(node(), ("InternalIP", "Hostname")) == KubeletAddress("10.0.0.1", 10251)
    assert parse_address(node(None), ("ExternalIP", "Hostname")) == KubeletAddress("n1", 10250)
    with pytest.raises(StatusError) as caught:
        parse_address(node(), ("ExternalIP",))
    assert caught.value.code == 500
    assert "reason" not in caught.value.status
    known = "[{Hostname n1} {InternalIP 10.0.0.1}]"
    assert caught.value.message == f"no preferred addresses found; known addresses: {known}"


def test_a_node_declares_whether_its_kubelet_supports_websockets() -> None:
    given = node()
    assert not parse_address(given, ("Hostname",)).websockets
    given["status"]["declaredFeatures"] = ["A", "ExtendWebSocketsToKubelet"]
    assert parse_address(given, ("Hostname",)).websockets


@pytest.mark.parametrize("host", ["elsewhere/x", "a@elsewhere", "a:1@[v1.name]", "10.0.0.1:80"])
def test_an_address_that_would_change_the_url_is_refused(host: str) -> None:
    given = node()
    given["status"]["addresses"] = [{"type": "Hostname", "address": host}]
    with pytest.raises(StatusError, match="invalid address of the node"):
        parse_address(given, ("Hostname",))


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none_is_refused(port: int) -> None:
    with pytest.raises(StatusError, match="dial tcp"):
        parse_address(node(port), ("Hostname",))
