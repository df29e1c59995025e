"""The rules of one service port: pure, from values to values."""

import base64
import hashlib
import ipaddress
from collections.abc import Sequence

from kprov.kube.proxy.nftables import base_table
from kprov.kube.proxy.nftables.base_table import Settings
from kprov.kube.proxy.nftables.transactions import Tables
from kprov.kube.proxy.topology import CategorizedEndpoints
from kprov.kube.proxy.types import Endpoint, ServicePort

# The kernel takes 128 bytes with the end; chains of endpoints get a suffix.
_NAME_MAX = 127


def render_service_port(
    service: ServicePort, choice: CategorizedEndpoints, settings: Settings, node_ips: Sequence[str]
) -> Tables:
    """Elements, chains and affinity sets of a port. `node_ips` are this node's addresses."""
    tables = Tables()
    name = _make_base_name(service)
    cluster_chain, local_chain = f"service-{name}"[:_NAME_MAX], f"local-{name}"[:_NAME_MAX]
    external_chain, firewall_chain = f"external-{name}"[:_NAME_MAX], f"firewall-{name}"[:_NAME_MAX]

    has_internal = bool(choice.local) if service.internal_local else choice.any_exist
    has_external = bool(choice.local) if service.external_local else choice.any_exist
    # With no endpoint anywhere a client is told so at once; with none here for the policy Local, its packets
    # are dropped, as if this node did not serve the address.
    verdict = "drop" if choice.any_exist else f"goto {base_table.REJECT_CHAIN}"
    internal_chain = local_chain if service.internal_local else cluster_chain

    for endpoint in choice.reachable:
        if endpoint.is_local:
            tables.add(
                base_table.HAIRPIN_CONNECTIONS,
                f"{endpoint.ip} . {endpoint.ip} . {service.protocol} . {endpoint.port}",
            )
    tables.add(base_table.CLUSTER_IPS, service.cluster_ip)
    key = f"{service.cluster_ip} . {service.protocol} . {service.port}"
    if has_internal:
        tables.add(base_table.SERVICE_IPS, key, f"goto {internal_chain}")
    else:
        tables.add(base_table.NO_ENDPOINT_SERVICES, key, verdict)
    firewalled = bool(service.load_balancer_ips and service.source_ranges)
    for address in (*service.external_ips, *service.load_balancer_ips):
        key = f"{address} . {service.protocol} . {service.port}"
        if choice.any_exist:
            tables.add(base_table.SERVICE_IPS, key, f"goto {external_chain}")
        if not has_external:
            tables.add(base_table.NO_ENDPOINT_SERVICES, key, verdict)
        if firewalled and address in service.load_balancer_ips:
            tables.add(base_table.FIREWALL_IPS, key, f"goto {firewall_chain}")
    if service.node_port:
        key = f"{service.protocol} . {service.node_port}"
        if choice.any_exist:
            tables.add(base_table.SERVICE_NODEPORTS, key, f"goto {external_chain}")
        if not has_external:
            tables.add(base_table.NO_ENDPOINT_NODEPORTS, key, verdict)

    if choice.any_exist and service.is_externally_accessible:
        target = local_chain if service.external_local else cluster_chain
        tables.chains[external_chain] = _render_external_rules(
            service, settings, cluster_chain, target if has_external else ""
        )
    if firewalled:
        tables.chains[firewall_chain] = (_render_firewall_rule(service, settings, node_ips),)
    if service.uses_cluster_endpoints and choice.cluster:
        tables.chains[cluster_chain] = _render_balancing(service, choice.cluster, settings)
    if service.uses_local_endpoints and choice.local:
        tables.chains[local_chain] = _render_balancing(service, choice.local, settings)
    if service.affinity_seconds:
        for endpoint in choice.reachable:
            chain, affinity = _make_endpoint_names(service, endpoint)
            tables.affinity[affinity] = service.affinity_seconds
            tables.chains[chain] = (
                f"update @{affinity} {{ {settings.ip} saddr }}",
                f"meta l4proto {service.protocol} dnat to {_format_socket(endpoint)}",
            )
    return tables


def _render_external_rules(
    service: ServicePort, settings: Settings, cluster_chain: str, target: str
) -> tuple[str, ...]:
    """Traffic for node ports, external and load balancer IPs."""
    if not service.external_local:
        rules = [settings.mark_rule]  # the answer has to come back through this node
    else:
        rules = []
        if settings.cluster_cidr:
            rules.append(f"{settings.ip} saddr {settings.cluster_cidr} goto {cluster_chain}")
        rules += [
            f"fib saddr type local {settings.mark_rule}",
            f"fib saddr type local goto {cluster_chain}",
        ]
    if target:
        rules.append(f"goto {target}")
    return tuple(rules)


def _render_firewall_rule(service: ServicePort, settings: Settings, node_ips: Sequence[str]) -> str:
    sources = list(service.source_ranges)
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in sources]
    if any(ipaddress.ip_address(ip) in network for ip in node_ips for network in networks):
        sources += (
            service.load_balancer_ips
        )  # the node's own traffic to the address may carry it as its source
    return f"{settings.ip} saddr != {{ {', '.join(sources)} }} drop"


def _render_balancing(
    service: ServicePort, endpoints: Sequence[Endpoint], settings: Settings
) -> tuple[str, ...]:
    """Spread new connections evenly; with affinity first look where the client was last time."""
    count = len(endpoints)
    if not service.affinity_seconds:
        entries = ", ".join(f"{i} : {endpoint.ip} . {endpoint.port}" for i, endpoint in enumerate(endpoints))
        to = f"dnat {settings.ip} addr . port to numgen random mod {count} map {{ {entries} }}"
        return (f"meta l4proto {service.protocol} {to}",)
    names = [_make_endpoint_names(service, endpoint) for endpoint in endpoints]
    rules = [f"{settings.ip} saddr @{affinity} goto {chain}" for chain, affinity in names]
    entries = ", ".join(f"{i} : goto {chain}" for i, (chain, _) in enumerate(names))
    return (*rules, f"numgen random mod {count} vmap {{ {entries} }}")


def _format_socket(endpoint: Endpoint) -> str:
    return f"[{endpoint.ip}]:{endpoint.port}" if ":" in endpoint.ip else f"{endpoint.ip}:{endpoint.port}"


def _hash_name(text: str) -> str:
    return base64.b32encode(hashlib.sha256(text.encode()).digest())[:8].decode()


def _make_base_name(service: ServicePort) -> str:
    """HASH-namespace/service/protocol/port: the hash keeps long names apart, the rest is for people."""
    name = service.name
    digest = _hash_name(str(name) + service.protocol)
    return f"{digest}-{name.namespace}/{name.service}/{service.protocol}/{name.port}"


def _make_endpoint_names(service: ServicePort, endpoint: Endpoint) -> tuple[str, str]:
    name = service.name
    address = f"{endpoint.ip}/{endpoint.port}".replace(":", ".")
    digest = _hash_name(f"{name}{service.protocol}{_format_socket(endpoint)}")
    suffix = f"{digest}-{name.namespace}/{name.service}/{service.protocol}/{name.port}__{address}"
    return f"endpoint-{suffix}"[:_NAME_MAX], f"affinity-{suffix}"[:_NAME_MAX]
