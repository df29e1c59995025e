"""Flags of kube-proxy and its KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1)."""

import ipaddress
import socket
from dataclasses import dataclass
from typing import Any

from kprov.kube.component_base import configfile, durations
from kprov.kube.component_base.options import FlagSet

API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Times in seconds, addresses as (host, port)."""

    kubeconfig: str
    node_name: str
    cluster_cidrs: list[str]
    node_port_addresses: list[str]
    masquerade_all: bool
    masquerade_bit: int
    sync_period: float
    min_sync_period: float
    healthz: tuple[str, int]
    metrics: tuple[str, int]
    verbosity: int
    cleanup: bool

    def get_cluster_cidr(self, family: int) -> str:
        for cidr in self.cluster_cidrs:
            if ipaddress.ip_network(cidr).version == family:
                return cidr
        return ""

    @property
    def all_node_addresses(self) -> bool:
        return any(cidr in {"0.0.0.0/0", "::/0"} for cidr in self.node_port_addresses)


def parse(argv: list[str] | None = None) -> Options:
    """Read the flags and the file. An error exits with status 1 and a line that names the field."""
    flags = FlagSet("kube-proxy", "makes services reachable on this node")
    flags.string("config", "", "file of a KubeProxyConfiguration")
    flags.string("kubeconfig", "", "kubeconfig file, if the configuration names none")
    flags.string("hostname-override", "", "name of this node's Node object")
    flags.boolean("cleanup", False, "remove the rules and exit")
    values = flags.parse(argv)
    try:
        document = (
            configfile.load(values.config, API_VERSION, "KubeProxyConfiguration") if values.config else {}
        )
        return _make_options(document, values)
    except (configfile.ConfigError, ValueError) as error:
        raise SystemExit(f"Error: {error}") from None


def _make_options(document: dict[str, Any], values: Any) -> Options:
    mode = document.get("mode") or "nftables"
    if mode != "nftables":
        raise ValueError(f'mode: only "nftables" is supported, not "{mode}"')
    detect = document.get("detectLocalMode") or "ClusterCIDR"
    if detect != "ClusterCIDR":
        raise ValueError(f'detectLocalMode: only "ClusterCIDR" is supported, not "{detect}"')
    nft = document.get("nftables") or {}
    cidrs = [cidr.strip() for cidr in str(document.get("clusterCIDR") or "").split(",") if cidr.strip()]
    addresses = list(document.get("nodePortAddresses") or [])
    for cidr in (*cidrs, *(entry for entry in addresses if entry != "primary")):
        ipaddress.ip_network(cidr)
    kubeconfig = (document.get("clientConnection") or {}).get("kubeconfig") or values.kubeconfig
    if not kubeconfig and not values.cleanup:
        raise ValueError("clientConnection.kubeconfig is required")
    return Options(
        kubeconfig=kubeconfig,
        node_name=(
            values.hostname_override or document.get("hostnameOverride") or socket.gethostname()
        ).lower(),
        cluster_cidrs=cidrs,
        node_port_addresses=addresses,
        masquerade_all=bool(nft.get("masqueradeAll")),
        masquerade_bit=14 if nft.get("masqueradeBit") is None else int(nft["masqueradeBit"]),
        sync_period=_read_seconds(nft.get("syncPeriod"), 30.0),
        min_sync_period=_read_seconds(nft.get("minSyncPeriod"), 0.2),
        healthz=_parse_socket(document.get("healthzBindAddress") or "0.0.0.0:10256", 10256),
        metrics=_parse_socket(document.get("metricsBindAddress") or "127.0.0.1:10249", 10249),
        verbosity=values.v,
        cleanup=values.cleanup,
    )


def _read_seconds(text: str | None, default: float) -> float:
    return durations.parse(text) if text and durations.parse(text) > 0 else default


def _parse_socket(text: str, default_port: int) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    return (host.strip("[]"), int(port)) if separator else (text, default_port)
