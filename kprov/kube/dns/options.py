"""Flags of cluster-dns."""

import ipaddress
from dataclasses import dataclass

from kprov.kube.component_base.options import FlagSet


@dataclass(frozen=True, kw_only=True)
class Options:
    kubeconfig: str
    listen_address: str
    port: int
    cluster_domain: str
    upstream: list[str]
    resolv_conf: str
    metrics: tuple[str, int]
    verbosity: int


def parse(argv: list[str] | None = None) -> Options:
    """Options from the command line; ends the program with status 1 and one line on a wrong one."""
    flags = FlagSet("cluster-dns", "answers for the cluster's names on this node")
    flags.string("kubeconfig", "", "file with the API server's address and this program's credentials")
    flags.string(
        "listen-address", "169.254.25.10", "address to answer on; put on lo when no interface has it"
    )
    flags.integer("port", 53, "port for UDP and TCP")
    flags.string("cluster-domain", "cluster.local", "domain of the cluster's names")
    flags.string_list("upstream", (), "servers for other names, instead of those in --resolv-conf")
    flags.string(
        "resolv-conf",
        "/etc/resolv.conf",
        "file that names the servers for other names; for the stub of systemd-resolved, those behind it",
    )
    flags.string("metrics-bind-address", "127.0.0.1:9153", "address and port of /healthz and /metrics")
    values = flags.parse(argv)
    if not values.kubeconfig:
        raise SystemExit("Error: --kubeconfig is required")
    for flag, addresses in (("listen-address", [values.listen_address]), ("upstream", values.upstream)):
        for address in addresses:
            try:
                ipaddress.ip_address(address)
            except ValueError as error:
                raise SystemExit(f"Error: --{flag}: {error}") from None
    host, _, port = values.metrics_bind_address.rpartition(":")
    return Options(
        kubeconfig=values.kubeconfig,
        listen_address=values.listen_address,
        port=values.port,
        cluster_domain=values.cluster_domain.strip(".").lower(),
        upstream=values.upstream,
        resolv_conf=values.resolv_conf,
        metrics=(host.strip("[]"), int(port)),
        verbosity=values.v,
    )
