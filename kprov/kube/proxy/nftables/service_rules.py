"""Renders the nftables rules of one service port. Functions from values to values."""

import base64
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from kprov.kube.proxy.nftables import base_table
from kprov.kube.proxy.nftables.base_table import RuleSettings
from kprov.kube.proxy.nftables.transactions import Tables
from kprov.kube.proxy.topology import CategorizedEndpoints
from kprov.kube.proxy.types import Endpoint, ServicePort

# The kernel allows 128 bytes with the terminating zero.
_NAME_MAX = 127


@dataclass(frozen=True)
class _Chains:
    """Names of a service port's chains."""

    cluster: str
    local: str
    external: str
    firewall: str


def render_service_port(
    service: ServicePort, endpoints: CategorizedEndpoints, settings: RuleSettings, node_ips: Sequence[str]
) -> Tables:
    """Elements, chains and affinity sets of a port. `node_ips` are this node's addresses."""
    tables = Tables()
    name = _make_base_name(service)
    chains = _Chains(*(f"{kind}-{name}"[:_NAME_MAX] for kind in ("service", "local", "external", "firewall")))
    _add_hairpin_elements(tables, service, endpoints)
    _add_internal_elements(tables, service, endpoints, chains)
    _add_external_elements(tables, service, endpoints, chains)
    _add_service_chains(tables, service, endpoints, settings, chains)
    if _has_firewall(service):
        tables.chains[chains.firewall] = (_render_firewall_rule(service, settings, node_ips),)
    if service.affinity_seconds:
        _add_affinity(tables, service, endpoints, settings)
    return tables


def _add_hairpin_elements(tables: Tables, service: ServicePort, endpoints: CategorizedEndpoints) -> None:
    for endpoint in endpoints.reachable:
        if endpoint.is_local:
            key = f"{endpoint.ip} . {endpoint.ip} . {service.protocol} . {endpoint.port}"
            tables.add(base_table.HAIRPIN_CONNECTIONS, key)


def _get_no_endpoint_verdict(endpoints: CategorizedEndpoints) -> str:
    """Reject if the service has no endpoint. Drop if it has none for the policy Local on this node.

    A drop looks to the client as if this node did not serve the address.
    """
    return "drop" if endpoints.any_exist else f"goto {base_table.REJECT_CHAIN}"


def _add_internal_elements(
    tables: Tables, service: ServicePort, endpoints: CategorizedEndpoints, chains: _Chains
) -> None:
    """Add the rules of the cluster IP."""
    has_endpoint = bool(endpoints.local) if service.internal_local else endpoints.any_exist
    tables.add(base_table.CLUSTER_IPS, service.cluster_ip)
    key = f"{service.cluster_ip} . {service.protocol} . {service.port}"
    if has_endpoint:
        chain = chains.local if service.internal_local else chains.cluster
        tables.add(base_table.SERVICE_IPS, key, f"goto {chain}")
    else:
        tables.add(base_table.NO_ENDPOINT_SERVICES, key, _get_no_endpoint_verdict(endpoints))


def _add_external_elements(
    tables: Tables, service: ServicePort, endpoints: CategorizedEndpoints, chains: _Chains
) -> None:
    """External IPs, load balancer IPs and the node port."""
    verdict = _get_no_endpoint_verdict(endpoints)
    for address in (*service.external_ips, *service.load_balancer_ips):
        key = f"{address} . {service.protocol} . {service.port}"
        if endpoints.any_exist:
            tables.add(base_table.SERVICE_IPS, key, f"goto {chains.external}")
        if not _has_external_endpoint(service, endpoints):
            tables.add(base_table.NO_ENDPOINT_SERVICES, key, verdict)
        if _has_firewall(service) and address in service.load_balancer_ips:
            tables.add(base_table.FIREWALL_IPS, key, f"goto {chains.firewall}")
    if service.node_port:
        key = f"{service.protocol} . {service.node_port}"
        if endpoints.any_exist:
            tables.add(base_table.SERVICE_NODEPORTS, key, f"goto {chains.external}")
        if not _has_external_endpoint(service, endpoints):
            tables.add(base_table.NO_ENDPOINT_NODEPORTS, key, verdict)


def _has_external_endpoint(service: ServicePort, endpoints: CategorizedEndpoints) -> bool:
    return bool(endpoints.local) if service.external_local else endpoints.any_exist


def _has_firewall(service: ServicePort) -> bool:
    return bool(service.load_balancer_ips and service.source_ranges)


def _add_service_chains(
    tables: Tables,
    service: ServicePort,
    endpoints: CategorizedEndpoints,
    settings: RuleSettings,
    chains: _Chains,
) -> None:
    if endpoints.any_exist and service.is_externally_accessible:
        target = chains.local if service.external_local else chains.cluster
        tables.chains[chains.external] = _render_external_rules(
            service, settings, chains.cluster, target if _has_external_endpoint(service, endpoints) else ""
        )
    if service.uses_cluster_endpoints and endpoints.cluster:
        tables.chains[chains.cluster] = _render_balancing(service, endpoints.cluster, settings)
    if service.uses_local_endpoints and endpoints.local:
        tables.chains[chains.local] = _render_balancing(service, endpoints.local, settings)


def _add_affinity(
    tables: Tables, service: ServicePort, endpoints: CategorizedEndpoints, settings: RuleSettings
) -> None:
    """Add a set of clients and a chain for each endpoint."""
    for endpoint in endpoints.reachable:
        chain, affinity = _make_endpoint_names(service, endpoint)
        tables.affinity[affinity] = service.affinity_seconds
        tables.chains[chain] = (
            f"update @{affinity} {{ {settings.ip} saddr }}",
            f"meta l4proto {service.protocol} dnat to {_format_socket(endpoint)}",
        )


def _render_external_rules(
    service: ServicePort, settings: RuleSettings, cluster_chain: str, target: str
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


def _render_firewall_rule(service: ServicePort, settings: RuleSettings, node_ips: Sequence[str]) -> str:
    sources = list(service.source_ranges)
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in sources]
    if any(ipaddress.ip_address(ip) in network for ip in node_ips for network in networks):
        sources += (
            service.load_balancer_ips
        )  # the node's own traffic to the address may carry it as its source
    return f"{settings.ip} saddr != {{ {', '.join(sources)} }} drop"


def _render_balancing(
    service: ServicePort, endpoints: Sequence[Endpoint], settings: RuleSettings
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
