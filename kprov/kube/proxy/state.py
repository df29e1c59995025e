"""Computes the desired table from the cluster's objects. Only services that changed are computed again."""

from collections.abc import Callable, Iterable

from kprov.kube.api.core import Service
from kprov.kube.api.discovery import EndpointSlice
from kprov.kube.proxy import services
from kprov.kube.proxy.nftables import base_table
from kprov.kube.proxy.nftables.service_rules import render_service_port
from kprov.kube.proxy.nftables.transactions import Tables
from kprov.kube.proxy.topology import categorize_endpoints
from kprov.kube.proxy.types import Endpoint, ServicePort


class ServiceState:
    """One service: its part of the table, and what health checks and conntrack need."""

    def __init__(self, tables: Tables, ports: list[ServicePort], ready_local: int) -> None:
        self.tables = tables
        self.ports = ports
        self.ready_local = ready_local
        self.udp_endpoints: dict[ServicePort, tuple[Endpoint, ...]] = {}


class State:
    """Services by namespace/name of one address family.

    `get_service` and `get_slices` read the informers' stores by key.
    """

    def __init__(
        self,
        *,
        settings: base_table.RuleSettings,
        node_name: str,
        get_service: Callable[[str], Service | None],
        get_slices: Callable[[str], Iterable[EndpointSlice]],
    ) -> None:
        self.settings = settings
        self.services: dict[str, ServiceState] = {}
        self._node_name = node_name
        self._get_service = get_service
        self._get_slices = get_slices

    def update(self, keys: Iterable[str], node_ips: tuple[str, ...], zone: str) -> set[str]:
        """Compute these services again. Returns conntrack selections that are stale, see find_stale_udp."""
        stale: set[str] = set()
        for key in keys:
            old = self.services.pop(key, None)
            service = self._get_service(key)
            new = self._compute_service(service, node_ips, zone) if service else None
            if new is not None:
                self.services[key] = new
            stale |= find_stale_udp(old, new)
        return stale

    def desired(self, node_port_addresses: Iterable[str]) -> Tables:
        """Return the whole table. If two services claim an address, the first by name gets it."""
        tables = Tables()
        for address in node_port_addresses:
            tables.add(base_table.NODEPORT_IPS, address)
        for key in sorted(self.services):
            tables.merge(self.services[key].tables)
        return tables

    def _compute_service(self, service: Service, node_ips: tuple[str, ...], zone: str) -> ServiceState | None:
        family = self.settings.family
        ports = services.list_service_ports(service, family)
        if not ports:
            return None
        by_port = services.group_endpoints_by_port(self._get_slices(service.key), family, self._node_name)
        tables = Tables()
        local: set[str] = set()
        state = ServiceState(tables, ports, 0)
        for port in ports:
            endpoints = by_port.get((port.name.port, port.protocol), [])
            choice = categorize_endpoints(endpoints, port, self._node_name, zone)
            tables.merge(render_service_port(port, choice, self.settings, node_ips))
            local |= {endpoint.ip for endpoint in endpoints if endpoint.is_local and endpoint.ready}
            if port.protocol == "udp":
                state.udp_endpoints[port] = choice.reachable
        state.ready_local = len(local)
        return state


def find_stale_udp(old: ServiceState | None, new: ServiceState | None) -> set[str]:
    """Conntrack selections ("address" or "port N", with " via ENDPOINT") whose entries must be deleted.

    The kernel keeps using the old entry of a UDP client: to an endpoint that is gone, or without the service
    if it had no endpoint before.
    """
    now = {port.name: (port, ends) for port, ends in new.udp_endpoints.items()} if new else {}
    stale: set[str] = set()
    for port, ends in old.udp_endpoints.items() if old else ():
        after = {end.ip for end in now[port.name][1]} if port.name in now else set()
        gone = {end.ip for end in ends} - after
        stale |= {f"{where} via {ip}" for ip in gone for where in _list_destinations(port)}
    before = {port.name: ends for port, ends in old.udp_endpoints.items()} if old else {}
    for name, (port, ends) in now.items():
        if ends and not before.get(name):
            stale |= set(_list_destinations(port))
    return stale


def _list_destinations(port: ServicePort) -> list[str]:
    addresses = [port.cluster_ip, *port.external_ips, *port.load_balancer_ips]
    return addresses + ([f"port {port.node_port}"] if port.node_port else [])
