"""A pod's /etc/resolv.conf, its host name and its /etc/hosts (pkg/kubelet/network/dns)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kprov.kube.api.core import Pod, PodDNSConfigOption
from kprov.kube.component_helpers import resolv_conf

_MAX_SERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_LENGTH: Final = 2048
_MAX_HOST_NAME: Final = 63


@dataclass
class DnsConfig:
    servers: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


def read_resolv_conf(path: str) -> DnsConfig:
    """Return the host's settings. Empty if the file cannot be read or `path` is empty.

    If the file names systemd-resolved's stub, the settings of systemd-resolved.
    """
    config = DnsConfig()
    path = resolv_conf.resolve_stub(path) if path else ""
    try:
        lines = Path(path).read_text(encoding="utf-8", errors="replace").splitlines() if path else []
    except OSError:
        return config
    for line in lines:
        words = line.split("#")[0].split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver":
            config.servers.append(words[1])
        elif words[0] == "search":
            config.searches = ["." if word == "." else word.rstrip(".") for word in words[1:]]
        elif words[0] == "options":
            config.options = words[1:]
    return config


def get_pod_dns(pod: Pod, *, host: DnsConfig, cluster_dns: Sequence[str], cluster_domain: str) -> DnsConfig:
    """Upstream's rules for dnsPolicy and dnsConfig, within the limits of resolv.conf."""
    policy = pod.spec.dns_policy or "ClusterFirst"
    uses_cluster_dns = policy == "ClusterFirstWithHostNet" or (
        policy == "ClusterFirst" and not pod.spec.host_network
    )
    if policy == "None":
        config = DnsConfig()
    elif uses_cluster_dns and cluster_dns:
        searches = list(host.searches)
        if cluster_domain:
            domain = cluster_domain
            searches = [f"{pod.metadata.namespace}.svc.{domain}", f"svc.{domain}", domain, *searches]
        config = DnsConfig(list(cluster_dns), searches, ["ndots:5"])
    else:
        config = DnsConfig(list(host.servers), list(host.searches), list(host.options))
    if (extra := pod.spec.dns_config) is not None:
        config.servers += extra.nameservers
        config.searches += extra.searches
        config.options = _merge_options(config.options, extra.options)
    config.servers = list(dict.fromkeys(config.servers))[:_MAX_SERVERS]
    config.searches = _limit_searches(list(dict.fromkeys(config.searches)))
    return config


def _merge_options(options: list[str], extra: Sequence[PodDNSConfigOption]) -> list[str]:
    values: dict[str, str] = {}
    for option in options:
        name, _, value = option.partition(":")
        values[name] = value
    for item in extra:
        values[item.name] = item.value or ""
    return [f"{name}:{value}" if value else name for name, value in values.items()]


def _limit_searches(searches: list[str]) -> list[str]:
    result: list[str] = []
    for search in searches[:_MAX_SEARCHES]:
        if len(" ".join([*result, search])) > _MAX_SEARCH_LENGTH:
            break
        result.append(search)
    return result


def get_host_name(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """(host name, domain) as the pod sees them. The domain is "" without a subdomain."""
    if override := pod.spec.hostname_override:
        return override, ""
    name = pod.spec.hostname or pod.metadata.name[:_MAX_HOST_NAME].rstrip("-.")
    domain = ""
    if pod.spec.subdomain:
        domain = f"{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}"
    return name, domain


def render_hosts_file(pod: Pod, ips: Sequence[str], name: str, domain: str) -> str:
    """Content of /etc/hosts. A pod in the host's network gets the host's entries and its own aliases."""
    if pod.spec.host_network:
        lines = ["# Kubernetes-managed hosts file (host network)."]
        try:
            lines.append(Path("/etc/hosts").read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        except OSError:
            lines.append("127.0.0.1\tlocalhost")
    else:
        lines = [
            "# Kubernetes-managed hosts file.",
            "127.0.0.1\tlocalhost",
            "::1\tlocalhost ip6-localhost ip6-loopback",
            "fe00::0\tip6-localnet",
            "fe00::0\tip6-mcastprefix",
            "fe00::1\tip6-allnodes",
            "fe00::2\tip6-allrouters",
        ]
        full = f"{name}.{domain}\t{name}" if domain else name
        lines += [f"{address}\t{full}" for address in ips]
    if pod.spec.host_aliases:
        lines += ["", "# Entries added by HostAliases."]
        lines += [f"{alias.ip}\t" + "\t".join(alias.hostnames) for alias in pod.spec.host_aliases]
    return "\n".join(lines) + "\n"
