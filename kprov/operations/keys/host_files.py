"""Compares the certificates and keys on the hosts with those of the operator's machine."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.remote import run_command

#: On control plane hosts if kube_sign_certificates is true.
_SIGNING_KEY = "ca.key"
#: (path below artifacts/pki, path on the host) by group. HOST, CERTS and CONFIG are replaced.
_FILES: dict[str, tuple[tuple[str, str], ...]] = {
    "kube_control_plane": (
        ("ca.crt", "CERTS/ca.crt"),
        (_SIGNING_KEY, "CERTS/ca.key"),
        ("front-proxy-ca.crt", "CERTS/front-proxy-ca.crt"),
        ("etcd-ca.crt", "CERTS/etcd/ca.crt"),
        ("sa.pub", "CERTS/sa.pub"),
        ("sa.key", "CERTS/sa.key"),
        ("hosts/HOST/apiserver.crt", "CERTS/apiserver.crt"),
        ("hosts/HOST/apiserver-etcd-client.crt", "CERTS/apiserver-etcd-client.crt"),
        ("hosts/HOST/apiserver-kubelet-client.crt", "CERTS/apiserver-kubelet-client.crt"),
        ("hosts/HOST/front-proxy-client.crt", "CERTS/front-proxy-client.crt"),
        ("hosts/HOST/controller-manager.crt", "CERTS/controller-manager.crt"),
        ("hosts/HOST/scheduler.crt", "CERTS/scheduler.crt"),
    ),
    "etcd": (
        ("etcd-ca.crt", "/etc/etcd/pki/ca.crt"),
        ("hosts/HOST/etcd-server.crt", "/etc/etcd/pki/server.crt"),
        ("hosts/HOST/etcd-peer.crt", "/etc/etcd/pki/peer.crt"),
        ("hosts/HOST/etcd-healthcheck-client.crt", "/etc/etcd/pki/healthcheck-client.crt"),
    ),
    "kube_node": (
        ("ca.crt", "CERTS/ca.crt"),
        ("ca.crt", "CERTS/node-ca.crt"),
        ("hosts/HOST/kubelet-client.crt", "CERTS/kubelet-client.crt"),
        ("hosts/HOST/kubelet.crt", "/var/lib/kubelet/pki/kubelet.crt"),
        ("hosts/HOST/kube-proxy.crt", "CERTS/kube-proxy.crt"),
        ("hosts/HOST/cluster-dns.crt", "CERTS/cluster-dns.crt"),
        ("hosts/HOST/pod-network.crt", "CERTS/pod-network.crt"),
        ("hosts/HOST/local-path-provisioner.crt", "CERTS/local-path-provisioner.crt"),
    ),
}


@dataclass(frozen=True)
class Difference:
    """A file on a host that is not the one in artifacts/pki; `expires` is empty if it has no certificate."""

    host: str
    path: str
    name: str
    expires: str = ""

    def __str__(self) -> str:
        there = f" (on the host until {self.expires})" if self.expires else ""
        return f"{self.host}: {self.path} is not {self.name}{there}"


def find_differences(cluster: Cluster, hosts: Iterable[str]) -> list[Difference]:
    """Return the files of the hosts that differ from those in artifacts/pki. Raises HostError."""
    return [difference for host in hosts for difference in _compare_host(cluster, host)]


def list_cluster_hosts(cluster: Cluster) -> list[str]:
    """Return the reachable hosts of the cluster."""
    return [host for host in cluster.members(*GROUPS) if host not in cluster.engine.unreachable_hosts]


def _compare_host(cluster: Cluster, host: str) -> Iterator[Difference]:
    pairs = list_files(cluster, host)
    output = run_command(cluster, host, f"sha256sum {shlex.join(pairs)} 2>/dev/null; true")
    sums = {line[66:]: line[:64] for line in output.splitlines()}
    pki = cluster.artifacts / "pki"
    for path, name in pairs.items():
        file = pki / name
        if file.exists() and sums.get(path) != hashlib.sha256(file.read_bytes()).hexdigest():
            yield Difference(host, path, name, _read_end(cluster, host, path) if path in sums else "")


def list_files(cluster: Cluster, host: str, *, signing_key: bool = False) -> dict[str, str]:
    """Return the names below artifacts/pki by the paths on the host.

    `signing_key`: also the key of the cluster's authority where the inventory does not want it on hosts.
    """
    variables = cluster.variables[host]
    certs = variables.kube_cert_dir
    groups = cluster.engine.inventory.group_names(host)
    return {
        path.replace("CERTS", certs): name.replace("HOST", host)
        for group, files in _FILES.items()
        if group in groups
        for name, path in files
        if name != _SIGNING_KEY or variables.kube_sign_certificates or signing_key
    }


def _read_end(cluster: Cluster, host: str, path: str) -> str:
    if not path.endswith(".crt"):
        return ""
    try:
        pem = run_command(cluster, host, f"cat {shlex.quote(path)}").encode()
        return f"{x509.load_pem_x509_certificate(pem).not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    except ValueError:
        return ""


def read_serial(path: Path) -> str:
    """Return the serial number of a certificate, in hexadecimal. JSON has no integers of its size."""
    return f"{x509.load_pem_x509_certificate(path.read_bytes()).serial_number:x}"
