"""What the hosts are asked: the requests to the agent's module preflight, in the order of its messages."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from kprov.contract.components.table import find_runtime
from kprov.inventory.cluster.variables import ClusterVariables
from kprov.preflight import components
from kprov.preflight.checks import connectivity, resources, software
from kprov.preflight.fleet import PreflightHost

Requests = dict[str, dict[str, Any]]
#: Checks that use the answer to a request.
_USERS = {
    "repositories": {"dns", "repository"},
    "fsync": {"disk-latency"},
    "connect": {"firewall"},
    "ping": {"mtu"},
}
#: Seconds to measure a disk, and to wait for connections and for packets.
_MEASURE, _CONNECT, _PING = 1.5, 10.0, 1.0


def request_facts(groups: Iterable[str], variables: ClusterVariables, address: str) -> Requests:
    """Return the requests that only read."""
    groups = frozenset(groups)
    ports = sorted({port.port for port in components.list_ports(groups, variables, address)})
    folders = [variables.bundle_root, variables.etcd_data_dir, find_runtime().data_dir, resources.KUBELET]
    return {
        "system": {},
        "identity": {},
        "listeners": {"ports": ports},
        "space": {"paths": folders},
        "network": {},
        "software": {
            "own_files": components.list_own_files(),
            "units": list(software.UNITS),
            "packages": list(software.DOCKER_PACKAGES),
            "paths": list(software.PATHS),
            "etcd_data_dir": variables.etcd_data_dir,
            "authority": f"{variables.kube_cert_dir}/ca.crt",
        },
    }


def request_listeners(host: PreflightHost) -> Requests:
    """Return the request to listen on ports to which other hosts connect, of components to be installed.

    An installed one listens itself, or will soon: its port must stay free.
    """
    own = host.facts.software.own
    installed = {
        port.port
        for port in components.list_ports(host.groups, host.variables, host.address)
        if port.component in own
    }
    ports = [
        traffic.port
        for traffic in components.list_traffic(host.variables)
        if traffic.target in host.groups and traffic.port not in installed
    ]
    return {"open": {"address": host.address, "ports": ports}} if ports else {}


def request_probes(
    host: PreflightHost, hosts: Iterable[PreflightHost], ignored: Collection[str] = ()
) -> Requests:
    """Return the requests to measure the disk, and to connect to the other hosts that listen.

    Requests that only ignored checks use are left out.
    """
    others = [other for other in hosts if other is not host]
    targets = [
        (other.address, traffic.port)
        for other in others
        for traffic in components.list_traffic(other.variables)
        if traffic.sources & host.groups
        and traffic.target in other.groups
        and connectivity.is_listening(other, traffic.port)
    ]
    requests: Requests = {"repositories": {}}
    if components.ETCD in host.groups:
        requests["fsync"] = {"path": host.variables.etcd_data_dir, "seconds": _MEASURE}
    if targets:
        requests["connect"] = {"targets": targets, "timeout": _CONNECT}
    mtu = connectivity.read_mtu(host)
    if others and mtu:
        requests["ping"] = {
            "addresses": [other.address for other in others],
            "sizes": connectivity.list_packet_sizes(mtu),
            "timeout": _PING,
        }
    return {name: request for name, request in requests.items() if not _USERS[name] <= set(ignored)}
