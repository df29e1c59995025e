"""The routes to the other nodes' pods, and the changes that create them."""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

# Marks the routes as ours (rtm_protocol, see rt_protos).
PROTOCOL = 186
# The address family's prefix length of a whole address, to tell 10.1.2.3 from 10.1.2.3/32.
_WHOLE = {4: 32, 6: 128}


class Peer(NamedTuple):
    """Another node: its pods' networks and its addresses."""

    name: str
    pod_cidrs: tuple[str, ...]
    internal_ips: tuple[str, ...]


class Route(NamedTuple):
    destination: str
    gateway: str


class RoutePlan(NamedTuple):
    """Desired routes, and a message for every peer that cannot have one."""

    routes: frozenset[Route]
    problems: tuple[str, ...]


def compute_routes(peers: Iterable[Peer], own_cidrs: Iterable[str] = ()) -> RoutePlan:
    """Return a route to each peer's pod CIDR over its InternalIP of the same address family.

    If two nodes have one CIDR (a broken allocation), the first by name gets it and a message says so.
    """
    taken = {normalize_destination(cidr): "this node" for cidr in own_cidrs}
    routes: set[Route] = set()
    problems: list[str] = []
    for peer in sorted(peers):
        for cidr in peer.pod_cidrs:
            try:
                network = ipaddress.ip_network(cidr)
            except ValueError:
                problems.append(f"node {peer.name}: podCIDR {cidr!r} is not a network")
                continue
            destination = str(network)
            gateway = _find_address(peer.internal_ips, network.version)
            if gateway is None:
                problems.append(
                    f"node {peer.name}: no IPv{network.version} InternalIP to route {destination} over"
                )
            elif destination in taken:
                problems.append(
                    f"node {peer.name}: podCIDR {destination} is also that of {taken[destination]}"
                )
            else:
                taken[destination] = f"node {peer.name}"
                routes.add(Route(destination, gateway))
    return RoutePlan(frozenset(routes), tuple(problems))


def render_changes(desired: frozenset[Route], present: frozenset[Route]) -> list[str]:
    """Lines for `ip -batch -` that make `present` (our own routes only) into `desired`.

    `replace` also repairs a route that another program replaced. Deletions come last, so that a CIDR that
    moves to another node always has a route.
    """
    kept = {route.destination for route in desired}
    lines = [
        f"route replace {route.destination} via {route.gateway} proto {PROTOCOL}"
        for route in sorted(desired - present)
    ]
    lines += [
        f"route del {route.destination} via {route.gateway} proto {PROTOCOL}"
        for route in sorted(present - desired)
        if route.destination not in kept
    ]
    return lines


def parse_routes(rows: Iterable[dict[str, object]]) -> frozenset[Route]:
    """Our routes from `ip -json route show proto N` (rows with dst and gateway)."""
    return frozenset(
        Route(normalize_destination(str(row["dst"])), str(row["gateway"]))
        for row in rows
        if "dst" in row and "gateway" in row
    )


def normalize_destination(destination: str) -> str:
    """Return a destination as a CIDR: `ip` prints a single host without its prefix length."""
    if destination == "default" or "/" in destination:
        return destination
    return f"{destination}/{_WHOLE[ipaddress.ip_address(destination).version]}"


def _find_address(addresses: Iterable[str], version: int) -> str | None:
    for address in addresses:
        try:
            if ipaddress.ip_address(address).version == version:
                return address
        except ValueError:
            continue
    return None
