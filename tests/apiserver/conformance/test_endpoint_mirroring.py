"""Endpoints without a selector, mirrored."""

from __future__ import annotations

from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually, ok
from tests.apiserver.servers import ApiServer

_NAME = "example-custom-endpoints"


@pytest.mark.entry(
    "EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete"
)
def test_endpoint_slice_mirroring_through_create_update_and_delete(governed: ApiServer, home: str) -> None:
    root = f"/api/v1/namespaces/{home}"
    port = {"name": "example", "port": 80, "protocol": "TCP"}
    ok(governed, "POST", f"{root}/services", {"metadata": {"name": _NAME}, "spec": {"ports": [port]}})

    def endpoints(ip: str) -> dict[str, Any]:
        subset = {"ports": [{"port": 80}], "addresses": [{"ip": ip}]}
        return {"metadata": {"name": _NAME}, "subsets": [subset]}

    def mirrored() -> list[Any]:
        """Ports and addresses of each slice."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{home}/endpointslices"
        found = ok(governed, "GET", f"{path}?labelSelector=kubernetes.io/service-name={_NAME}")["items"]
        return [
            ([port["port"] for port in each["ports"]], [one["addresses"] for one in each["endpoints"]])
            for each in found
        ]

    ok(governed, "POST", f"{root}/endpoints", endpoints("10.1.2.3"))
    eventually(lambda: mirrored() == [([80], [["10.1.2.3"]])])
    ok(governed, "PUT", f"{root}/endpoints/{_NAME}", endpoints("10.2.3.4"))
    eventually(lambda: mirrored() == [([80], [["10.2.3.4"]])])
    ok(governed, "DELETE", f"{root}/endpoints/{_NAME}")
    eventually(lambda: mirrored() == [])
