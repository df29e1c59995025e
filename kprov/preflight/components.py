"""The components of each group: their files, the ports on which they listen, and who connects to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kprov.inventory.cluster.variables import ClusterVariables

CONTROL_PLANE, ETCD, NODE = "kube_control_plane", "etcd", "kube_node"
_UNITS = "/etc/systemd/system"
#: A file that kprov writes for each component; it shows that the component on the host is kprov's.
FILES = {
    "haproxy": "/etc/haproxy/haproxy.cfg",
    "keepalived": "/etc/keepalived/keepalived.conf",
    "containerd": "/etc/containerd/config.toml",
    **{
        name: f"{_UNITS}/{name}.service"
        for name in (
            "etcd",
            "kube-apiserver",
            "kube-controller-manager",
            "kube-scheduler",
            "kubelet",
            "kube-proxy",
            "cluster-dns",
            "pod-network",
            "local-path-provisioner",
        )
    },
}
_GROUPS = {
    ETCD: ("etcd",),
    CONTROL_PLANE: ("kube-apiserver", "kube-controller-manager", "kube-scheduler"),
    NODE: ("containerd", "pod-network", "kubelet", "kube-proxy", "cluster-dns", "local-path-provisioner"),
}
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


def expected_components(groups: Iterable[str]) -> tuple[str, ...]:
    """Return the components of a host in these groups."""
    return ("haproxy", *(name for group in _GROUPS if group in groups for name in _GROUPS[group]))


def list_ports(groups: Iterable[str], variables: ClusterVariables, address: str) -> Iterator[Port]:
    """Return the ports that components of these groups listen on; `address` is the host's in the cluster."""
    yield Port("haproxy", variables.loadbalancer_apiserver_port)
    if ETCD in groups:
        for host in (address, LOOPBACK):
            yield Port("etcd", 2379, host)
        yield Port("etcd", 2380, address)
        yield Port("etcd", 2381, LOOPBACK)
    if CONTROL_PLANE in groups:
        yield Port("kube-apiserver", variables.kube_apiserver_port)
        yield Port("kube-controller-manager", 10257)
        yield Port("kube-scheduler", 10259)
    if NODE in groups:
        yield Port("kubelet", 10250)
        yield Port("kubelet", 10248, LOOPBACK)
        yield Port("kube-proxy", 10256)
        yield Port("kube-proxy", 10249, LOOPBACK)
        for protocol in ("tcp", "udp"):
            yield Port("cluster-dns", 53, str(variables.nodelocaldns_ip), protocol)
        yield Port("cluster-dns", 9153, LOOPBACK)
        yield Port("pod-network", 10246, LOOPBACK)
        yield Port("local-path-provisioner", 10247, LOOPBACK)


def list_traffic(variables: ClusterVariables) -> tuple[Traffic, ...]:
    """Return the connections between hosts that components make."""
    everybody = frozenset({CONTROL_PLANE, ETCD, NODE})
    control_plane = frozenset({CONTROL_PLANE})
    return (
        Traffic("etcd peer", 2380, frozenset({ETCD}), ETCD),
        Traffic("etcd client", 2379, control_plane, ETCD),
        Traffic("API server", variables.kube_apiserver_port, everybody, CONTROL_PLANE),
        Traffic("kubelet", 10250, control_plane, NODE),
    )
