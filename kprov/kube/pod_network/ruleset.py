"""The nftables rules of the pod network: masquerade traffic to other networks, accept pods' traffic."""

import ipaddress

TABLE = "kprov-pod-network"


def list_families(cluster_cidrs: list[str]) -> list[str]:
    """Return the nftables families the CIDRs belong to: "ip", "ip6"."""
    return [name for version, name in ((4, "ip"), (6, "ip6")) if _filter_by_version(cluster_cidrs, version)]


def render_ruleset(cluster_cidrs: list[str]) -> str:
    """One `nft -f -` transaction that replaces the whole table of every family in `cluster_cidrs`.

    Traffic between pods, and traffic from kube-proxy to them, keeps its source address. So does multicast,
    because its responses could not be assigned.
    """
    parts = []
    for version, family, multicast in ((4, "ip", "224.0.0.0/4"), (6, "ip6", "ff00::/8")):
        cidrs = _filter_by_version(cluster_cidrs, version)
        if not cidrs:
            continue
        pods = "{ " + ", ".join(cidrs) + " }"
        beyond = "{ " + ", ".join([*cidrs, multicast]) + " }"
        parts.append(
            f"""add table {family} {TABLE}
delete table {family} {TABLE}
table {family} {TABLE} {{
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    {family} saddr {pods} {family} daddr != {beyond} masquerade fully-random
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    {family} saddr {pods} accept
    {family} daddr {pods} accept
  }}
}}
"""
        )
    return "".join(parts)


def _filter_by_version(cidrs: list[str], version: int) -> list[str]:
    networks = [ipaddress.ip_network(cidr) for cidr in cidrs]
    return [str(network) for network in networks if network.version == version]
