"""Flags of pod-network."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from kprov.kube.component_base.options import FlagSet


@dataclass(frozen=True, kw_only=True)
class Options:
    kubeconfig: str
    node_name: str
    cni_conf_dir: Path
    cni_bridge: str
    cluster_cidrs: list[str]
    health_address: str
    health_port: int
    verbosity: int


def parse(argv: list[str] | None = None) -> Options:
    """Options from the command line; ends the program with status 1 and one line on a wrong one."""
    flags = FlagSet("pod-network", "keeps this node's part of the pod network")
    flags.string("kubeconfig", "", "file with the API server's address and this program's credentials")
    flags.string("node-name", "", "name of this node's Node object")
    flags.string("cni-conf-dir", "/etc/cni/net.d", "where the container runtime reads network lists")
    flags.string("cni-bridge", "cni0", "name of the bridge that the pods are on")
    flags.string_list("cluster-cidr", (), "networks that all pods' addresses are from")
    flags.string("healthz-bind-address", "127.0.0.1:10246", "address and port of /healthz and /metrics")
    values = flags.parse(argv)
    for name in ("kubeconfig", "node_name", "cluster_cidr"):
        if not getattr(values, name):
            raise SystemExit(f"Error: --{name.replace('_', '-')} is required")
    for cidr in values.cluster_cidr:
        try:
            ipaddress.ip_network(cidr)
        except ValueError as error:
            raise SystemExit(f"Error: --cluster-cidr: {error}") from None
    host, _, port = values.healthz_bind_address.rpartition(":")
    return Options(
        kubeconfig=values.kubeconfig,
        node_name=values.node_name,
        cni_conf_dir=Path(values.cni_conf_dir),
        cni_bridge=values.cni_bridge,
        cluster_cidrs=values.cluster_cidr,
        health_address=host.strip("[]"),
        health_port=int(port),
        verbosity=values.v,
    )
