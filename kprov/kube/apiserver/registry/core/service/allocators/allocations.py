"""The cluster IPs and node ports of a stored service."""

from __future__ import annotations

from typing import Final

from kprov.kube.apiserver.registry.generic.addresses import parse_address
from kprov.kube.machinery.json_object import JsonObject

HEADLESS: Final = "None"


def list_cluster_ips(service: JsonObject) -> list[str]:
    """Return the cluster IPs in canonical form, in their order. Invalid addresses are returned unchanged."""
    spec = service.get("spec") or {}
    if spec.get("type") == "ExternalName":
        return []
    addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    return [
        str(parse_address(address) or address) for address in addresses if address and address != HEADLESS
    ]


def list_node_ports(service: JsonObject) -> list[int]:
    """Return the node ports and the health check node port, without duplicates."""
    spec = service.get("spec") or {}
    ports = [port.get("nodePort", 0) for port in spec.get("ports") or ()]
    ports.append(spec.get("healthCheckNodePort", 0))
    return list(dict.fromkeys(port for port in ports if port))
