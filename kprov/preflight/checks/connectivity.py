"""Connections and packet sizes between hosts, as they tried them."""

from __future__ import annotations

from collections.abc import Iterator

from kprov.preflight.checks.ports import conflicts, is_own
from kprov.preflight.components import Port, list_ports, list_traffic
from kprov.preflight.fleet import Fleet, PreflightHost
from kprov.preflight.model import Problem, Severity

OPEN = "open"
#: Usual MTUs of paths: jumbo frames, Ethernet, PPPoE, tunnels; the smallest ones of IPv6 and IPv4.
_USUAL = (9000, 8951, 8950, 8900, 1500, 1492, 1480, 1476, 1460, 1450, 1430, 1420, 1400, 1380, 1350, 1300)
_SMALL = (1280, 1000, 576)


def find_blocked_ports(fleet: Fleet) -> Iterator[Problem]:
    """Hosts cannot connect to a port on which the target listened."""
    for target in fleet.hosts:
        for traffic in list_traffic(target.variables):
            if traffic.target not in target.groups or not is_listening(target, traffic.port):
                continue
            key = f"{target.address}:{traffic.port}"
            failed: dict[str, list[str]] = {}
            for source in fleet.hosts:
                outcome = source.probes.connect.get(key, OPEN) if source.probes is not None else OPEN
                if source is not target and outcome != OPEN and traffic.sources & source.groups:
                    failed.setdefault(outcome, []).append(source.name)
            for outcome, names in failed.items():
                port = f"{traffic.port}/tcp ({traffic.what})"
                text = f"{', '.join(names)} cannot connect to its port {port}: {outcome}"
                yield Problem(target.name, text)


def is_listening(host: PreflightHost, port: int) -> bool:
    """Whether the preflight or the component itself listened on the host's port during the probe."""
    if host.probes is not None and port in host.probes.open.opened:
        return True
    return any(
        conflicts(Port(candidate.component, port, host.address), listener)
        and is_own(host, candidate, listener)
        for candidate in list_ports(host.groups, host.variables, host.address)
        if candidate.port == port
        for listener in host.facts.listeners
    )


def find_mtu_problems(fleet: Fleet) -> Iterator[Problem]:
    """Packets of the interface's MTU do not reach another host."""
    for source in fleet.hosts:
        lost: dict[tuple[int, int], list[str]] = {}
        silent = []
        for target in fleet.hosts:
            if source.probes is None or target is source or target.address not in source.probes.ping:
                continue
            sizes = source.probes.ping[target.address]
            if not sizes:
                silent.append(target.name)
            elif max(sizes) < read_mtu(source):
                lost.setdefault((max(sizes), read_mtu(target)), []).append(target.name)
        for (size, theirs), names in lost.items():
            mine = read_mtu(source)
            text = (
                f"packets of {mine} bytes, the MTU of {source.interface}, do not reach {', '.join(names)} "
                f"(MTU {theirs}); {size} bytes do"
            )
            # Both ends of a TCP connection know their own MTU, but not that of the path.
            yield Problem(source.name, text, Severity.WARNING if theirs < mine else None)
        if silent:
            text = f"{', '.join(silent)} does not answer ping: the MTU of the path is unknown"
            yield Problem(source.name, text, Severity.INFO)


def read_mtu(host: PreflightHost) -> int:
    """Return the MTU of the interface with the host's address."""
    return host.facts.network.mtus.get(host.interface, 0)


def list_packet_sizes(mtu: int) -> list[int]:
    """Return the sizes of packets to try from an interface."""
    return sorted({mtu, *(size for size in (*_USUAL, *_SMALL) if size < mtu)})
