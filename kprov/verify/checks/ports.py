"""Checks that the components listen on their ports."""

from __future__ import annotations

from collections.abc import Iterator

from testinfra.host import Host

from kprov.contract.components.table import list_components
from kprov.verify.model import Cluster, Finding, VerifyHost


def check_ports(host: Host, me: VerifyHost, cluster: Cluster) -> Iterator[Finding]:
    """Yield a finding for each port, from one run of `ss`."""
    listening = {
        int(line.split()[3].rsplit(":", 1)[1])
        for line in host.check_output("ss --tcp --listening --numeric --no-header").splitlines()
    }
    for name, port in expected_ports(me, cluster).items():
        ok = port in listening
        detail = "listening" if ok else "no process listens on this port"
        yield Finding(f"{name} {port}", ok=ok, detail=detail, starting=not ok)


def expected_ports(me: VerifyHost, cluster: Cluster) -> dict[str, int]:
    """Return the names and TCP ports of the components in this host's groups."""
    return {
        port.title: port.number(cluster.lookup)
        for component in list_components()
        if component.is_on(me.groups, cluster.lookup)
        for port in component.ports
        if port.title and "tcp" in port.protocols
    }
