"""What stands in a pod's /etc/resolv.conf, and its host name (pkg/kubelet/network/dns)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kprov.kube.component_helpers import resolv_conf
from kprov.kube.kubelet.pods.pod_queries import Pod, name_of, namespace_of, uses_host_network

_MAX_SERVERS: Final = 3
_MAX_SEARCHES: Final = 32
_MAX_SEARCH_LENGTH: Final = 2048
_HOST_NAME_LENGTH: Final = 63


@dataclass
class DnsConfig:
    servers: list[str] = field(default_factory=list)
    searches: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


def read_resolv_conf(path: str) -> DnsConfig:
    """The host's own settings; an unreadable or unset file gives empty ones.

    Where the file names systemd-resolved's stub, the settings behind it.
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


def for_pod(pod: Pod, *, host: DnsConfig, cluster_dns: Sequence[str], cluster_domain: str) -> DnsConfig:
    """Upstream's rules for dnsPolicy and dnsConfig, within what resolv.conf may hold."""
    spec = pod["spec"]
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    cluster = policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not uses_host_network(pod))
    if policy == "None":
        config = DnsConfig()
    elif cluster and cluster_dns:
        searches = list(host.searches)
        if cluster_domain:
            domain = cluster_domain
            searches = [f"{namespace_of(pod)}.svc.{domain}", f"svc.{domain}", domain, *searches]
        config = DnsConfig(list(cluster_dns), searches, ["ndots:5"])
    else:
        config = DnsConfig(list(host.servers), list(host.searches), list(host.options))
    extra = spec.get("dnsConfig") or {}
    config.servers += extra.get("nameservers") or []
    config.searches += extra.get("searches") or []
    config.options = _merged(config.options, extra.get("options") or [])
    config.servers = list(dict.fromkeys(config.servers))[:_MAX_SERVERS]
    config.searches = _fitting(list(dict.fromkeys(config.searches)))
    return config


def _merged(options: list[str], extra: Sequence[dict[str, str]]) -> list[str]:
    values: dict[str, str] = {}
    for option in options:
        name, _, value = option.partition(":")
        values[name] = value
    for item in extra:
        values[item["name"]] = item.get("value") or ""
    return [f"{name}:{value}" if value else name for name, value in values.items()]


def _fitting(searches: list[str]) -> list[str]:
    kept: list[str] = []
    for search in searches[:_MAX_SEARCHES]:
        if len(" ".join([*kept, search])) > _MAX_SEARCH_LENGTH:
            break
        kept.append(search)
    return kept


def host_name(pod: Pod, cluster_domain: str) -> tuple[str, str]:
    """(host name, domain) as the pod sees them; the domain is "" without a subdomain."""
    spec = pod["spec"]
    if override := spec.get("hostnameOverride"):
        return str(override), ""
    name = spec.get("hostname") or name_of(pod)[:_HOST_NAME_LENGTH].rstrip("-.")
    domain = ""
    if spec.get("subdomain"):
        domain = f"{spec['subdomain']}.{namespace_of(pod)}.svc.{cluster_domain}"
    return name, domain


def hosts_file(pod: Pod, ips: Sequence[str], name: str, domain: str) -> str:
    """Content of /etc/hosts; the host's own file, with the pod's aliases, in the host's network."""
    if uses_host_network(pod):
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
    aliases = pod["spec"].get("hostAliases") or []
    if aliases:
        lines += ["", "# Entries added by HostAliases."]
        lines += [f"{alias['ip']}\t" + "\t".join(alias.get("hostnames") or []) for alias in aliases]
    return "\n".join(lines) + "\n"
