"""Endpoints and slices of pods that a service selects. The test says what a kubelet would: that pods run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.apiserver.conformance.calls import MERGE, eventually, ok
from tests.apiserver.servers import ApiServer

_WITHOUT = "kubelet: the test reports that pods run"


def _pod(server: ApiServer, root: str, name: str, labels: dict[str, str], ip: str) -> None:
    ports = [{"name": "example-name", "containerPort": 3000}]
    spec = {"nodeName": "n1", "containers": [{"name": "container1", "image": "nginx", "ports": ports}]}
    ok(server, "POST", f"{root}/pods", {"metadata": {"name": name, "labels": labels}, "spec": spec})
    conditions = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": conditions}
    ok(server, "PATCH", f"{root}/pods/{name}/status", {"status": status}, content_type=MERGE)


def _service(server: ApiServer, root: str, name: str, selector: dict[str, str], port: dict[str, Any]) -> None:
    spec = {"selector": selector, "publishNotReadyAddresses": True, "ports": [port]}
    ok(server, "POST", f"{root}/services", {"metadata": {"name": name}, "spec": spec})


def _slices(server: ApiServer, namespace: str, service: str) -> list[tuple[list[int], list[str]]]:
    """Ports and addresses of each slice that has any."""
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    found = ok(server, "GET", f"{path}?labelSelector=kubernetes.io/service-name={service}")["items"]
    return [
        ([port["port"] for port in each["ports"]], sorted(one["addresses"][0] for one in each["endpoints"]))
        for each in found
        if each["endpoints"]
    ]


def _subsets(server: ApiServer, root: str, service: str) -> list[tuple[list[int], list[str]]]:
    answer = server.get(f"{root}/endpoints/{service}")
    subsets = answer.json.get("subsets", []) if answer.status == 200 else []
    return [
        ([port["port"] for port in each["ports"]], sorted(one["ip"] for one in each["addresses"]))
        for each in subsets
    ]


def _is(look: Callable[[], list[tuple[list[int], list[str]]]], addresses: list[str]) -> bool:
    return look() == [([3000], addresses)]


@pytest.mark.entry(
    "EndpointSlice should create Endpoints and EndpointSlices for Pods matching a Service", without=_WITHOUT
)
def test_endpoint_slices_of_pods_that_services_match(governed: ApiServer, home: str) -> None:
    root = f"/api/v1/namespaces/{home}"
    by_name = {"name": "example", "port": 80, "targetPort": "example-name", "protocol": "TCP"}
    by_number = {"name": "example", "port": 80, "targetPort": 3000, "protocol": "TCP"}
    _service(governed, root, "one", {"foo": "bar"}, by_name)
    _service(governed, root, "both", {"shared": "yes"}, by_number)
    _service(governed, root, "none", {"foo": "nowhere"}, by_number)
    _pod(governed, root, "pod1", {"foo": "bar", "shared": "yes"}, "10.9.0.1")
    _pod(governed, root, "pod2", {"shared": "yes"}, "10.9.0.2")
    for service, addresses in (("one", ["10.9.0.1"]), ("both", ["10.9.0.1", "10.9.0.2"])):
        eventually(partial(_is, partial(_slices, governed, home, service), addresses))
        eventually(partial(_is, partial(_subsets, governed, root, service), addresses))
    assert _slices(governed, home, "none") == []
    ok(governed, "DELETE", f"{root}/pods/pod1?gracePeriodSeconds=0")
    eventually(lambda: _slices(governed, home, "one") == [])
    eventually(lambda: _slices(governed, home, "both") == [([3000], ["10.9.0.2"])])
    ok(governed, "DELETE", f"{root}/services/both")
    eventually(lambda: _slices(governed, home, "both") == [])
    eventually(lambda: governed.get(f"{root}/endpoints/both").status == 404)


@pytest.mark.entry(
    "EndpointsController should create Endpoints for Pods matching a Service", without=_WITHOUT
)
def test_endpoints_of_pods_that_services_match(governed: ApiServer, home: str) -> None:
    root = f"/api/v1/namespaces/{home}"
    _service(governed, root, "web", {"foo": "bar"}, {"name": "example", "port": 80, "targetPort": 3000})
    eventually(lambda: governed.get(f"{root}/endpoints/web").status == 200)
    assert _subsets(governed, root, "web") == []
    _pod(governed, root, "pod1", {"foo": "bar"}, "10.9.1.1")
    eventually(partial(_is, partial(_subsets, governed, root, "web"), ["10.9.1.1"]))
    _pod(governed, root, "pod2", {"foo": "bar"}, "10.9.1.2")
    eventually(partial(_is, partial(_subsets, governed, root, "web"), ["10.9.1.1", "10.9.1.2"]))
    (subset,) = ok(governed, "GET", f"{root}/endpoints/web")["subsets"]
    assert [each["targetRef"]["name"] for each in subset["addresses"]] == ["pod1", "pod2"]
    ok(governed, "DELETE", f"{root}/pods/pod1?gracePeriodSeconds=0")
    eventually(partial(_is, partial(_subsets, governed, root, "web"), ["10.9.1.2"]))
    ok(governed, "DELETE", f"{root}/services/web")
    eventually(lambda: governed.get(f"{root}/endpoints/web").status == 404)
