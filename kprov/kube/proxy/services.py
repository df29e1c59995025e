"""Converts Service and EndpointSlice objects to service ports and endpoints of one address family."""

import ipaddress
from collections.abc import Iterable

from kprov.kube.api.core import Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.proxy.types import Endpoint, ServicePort, ServicePortName

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
_DEFAULT_AFFINITY_SECONDS = 10800


def filter_by_family(addresses: Iterable[str], family: int) -> tuple[str, ...]:
    """Return the addresses of IPv4 (4) or IPv6 (6). Invalid addresses are left out."""
    family_addresses = []
    for address in addresses:
        try:
            if ipaddress.ip_address(address.partition("/")[0]).version == family:
                family_addresses.append(address)
        except ValueError:
            continue
    return tuple(family_addresses)


def list_service_ports(service: Service, family: int) -> list[ServicePort]:
    """Return the ports to proxy.

    None for headless services, ExternalName and services of the other family.
    """
    spec = service.spec
    if spec.type == "ExternalName" or spec.cluster_ip in {"", "None"}:
        return []
    cluster_ips = filter_by_family(spec.cluster_ips or [spec.cluster_ip], family)
    if not cluster_ips:
        return []
    affinity = 0
    if spec.session_affinity == "ClientIP":
        config = spec.session_affinity_config
        client_ip = config.client_ip if config else None
        affinity = (client_ip and client_ip.timeout_seconds) or _DEFAULT_AFFINITY_SECONDS
    ingress = service.status.load_balancer.ingress
    balancers = (entry.ip for entry in ingress if entry.ip and entry.ip_mode in {None, "VIP"})
    is_balanced = spec.type == "LoadBalancer"
    external = filter_by_family(spec.external_ips, family)
    return [
        ServicePort(
            name=ServicePortName(
                service.metadata.namespace, service.metadata.name, port.name, port.protocol.lower()
            ),
            cluster_ip=cluster_ips[0],
            port=port.port,
            protocol=port.protocol.lower(),
            node_port=port.node_port,
            external_ips=external,
            load_balancer_ips=filter_by_family(balancers, family) if is_balanced else (),
            source_ranges=filter_by_family(
                (cidr.strip() for cidr in spec.load_balancer_source_ranges), family
            ),
            affinity_seconds=affinity,
            internal_local=spec.internal_traffic_policy == "Local",
            external_local=spec.external_traffic_policy == "Local",
            health_check_node_port=spec.health_check_node_port if is_balanced else 0,
        )
        for port in spec.ports
    ]


def group_endpoints_by_port(
    slices: Iterable[EndpointSlice], family: int, node_name: str
) -> dict[tuple[str, str], list[Endpoint]]:
    """Endpoints of one service by (port name, protocol), sorted, each once.

    An address may be in two slices while the controller moves it. The slice where it is ready wins.
    """
    endpoints_by_port: dict[tuple[str, str], dict[tuple[str, int], Endpoint]] = {}
    for piece in slices:
        if piece.address_type != f"IPv{family}":
            continue
        for port in piece.ports or []:
            if port.port is None:
                continue
            key = (port.name or "", (port.protocol or "TCP").lower())
            by_address = endpoints_by_port.setdefault(key, {})
            for entry in piece.endpoints or []:
                if not entry.addresses:
                    continue
                conditions, hints = entry.conditions, entry.hints
                endpoint = Endpoint(
                    ip=entry.addresses[0],
                    port=port.port,
                    is_local=bool(node_name) and entry.node_name == node_name,
                    ready=conditions.ready is not False,
                    serving=conditions.serving is not False,
                    terminating=conditions.terminating is True,
                    zone_hints=tuple(zone.name for zone in hints.for_zones) if hints else (),
                    node_hints=tuple(node.name for node in hints.for_nodes) if hints else (),
                )
                address = (endpoint.ip, endpoint.port)
                known = by_address.get(address)
                if known is None or (endpoint.ready and not known.ready):
                    by_address[address] = endpoint
    return {key: sorted(by_address.values()) for key, by_address in endpoints_by_port.items()}
