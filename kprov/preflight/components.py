"""The ports on which a host's components listen, and who connects to them, from the table of components."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from kprov.contract.components import table
from kprov.contract.components.model import render_text
from kprov.inventory.cluster.variables import ClusterVariables

CONTROL_PLANE, ETCD, NODE = "kube_control_plane", "etcd", "kube_node"
ANY = "0.0.0.0"
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a component needs on an address of its host."""

    component: str
    port: int
    address: str = ANY
    protocol: str = "tcp"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Connections between hosts of groups that the cluster needs."""

    what: str
    port: int
    sources: frozenset[str]
    target: str


def list_own_files() -> dict[str, str]:
    """Return a file that kprov writes for each component; it shows that the one on the host is kprov's."""
    return {row.name: row.own_file for row in table.list_rows()}


def expected_components(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the components that each host in these groups has."""
    return tuple(table.list_host_units(groups))


def list_ports(groups: Iterable[str], variables: ClusterVariables, address: str) -> Iterator[Port]:
    """Return the ports that components of these groups listen on; `address` is the host's in the cluster."""
    lookup = partial(getattr, variables)
    named = {"any": ANY, "loopback": LOOPBACK, "host": address}
    member_of = frozenset(groups)
    for component in table.list_components():
        if not component.is_on(member_of, lookup):
            continue
        for port in component.ports:
            for place in port.addresses:
                for protocol in port.protocols:
                    text = named.get(place) or render_text(place, lookup)
                    yield Port(component.name, port.number(lookup), text, protocol)


def list_traffic(variables: ClusterVariables) -> tuple[Traffic, ...]:
    """Return the connections between hosts that components make: of each one, those of its peers first."""
    lookup = partial(getattr, variables)
    return tuple(
        Traffic(port.title, port.number(lookup), frozenset(port.clients), group)
        for component in table.list_components()
        for group in component.groups
        for port in sorted(component.ports, key=lambda port: port.clients != component.groups)
        if port.clients
    )
