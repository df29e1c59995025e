"""The fixed part of the table: base chains, maps that lead to services, the rules between them.

Names and structure are upstream's (pkg/proxy/nftables), so that its documentation applies here too.
"""

from dataclasses import dataclass

from kprov.kube.proxy.nftables.kernel_table import Container, Hook, Layout
from kprov.kube.proxy.nftables.transactions import TABLE

CLUSTER_IPS = "cluster-ips"
SERVICE_IPS = "service-ips"
SERVICE_NODEPORTS = "service-nodeports"
NODEPORT_IPS = "nodeport-ips"
NO_ENDPOINT_SERVICES = "no-endpoint-services"
NO_ENDPOINT_NODEPORTS = "no-endpoint-nodeports"
FIREWALL_IPS = "firewall-ips"
HAIRPIN_CONNECTIONS = "hairpin-connections"
REJECT_CHAIN = "reject-chain"


@dataclass(frozen=True, kw_only=True)
class RuleSettings:
    """The configuration on which the rules depend.

    `cluster_cidr` is of the rules' family, "" if it is not known. With `all_node_addresses` every local
    address except loopback accepts node ports, not only those in the set nodeport-ips.
    """

    family: int = 4
    cluster_cidr: str = ""
    masquerade_all: bool = False
    masquerade_mark: int = 0x4000
    all_node_addresses: bool = False

    @property
    def ip(self) -> str:
        return "ip6" if self.family == 6 else "ip"

    @property
    def address_type(self) -> str:
        return "ipv6_addr" if self.family == 6 else "ipv4_addr"

    @property
    def mark_rule(self) -> str:
        return f"meta mark set meta mark or {self.masquerade_mark:#x}"


def make_layout(settings: RuleSettings) -> Layout:
    """Return the containers and chains of `render_base_table`, as the kernel lists them afterwards."""
    address = settings.address_type
    socket = (address, "inet_proto", "inet_service")
    port = socket[1:]
    return Layout(
        containers={
            CLUSTER_IPS: Container("set", (address,)),
            NODEPORT_IPS: Container("set", (address,)),
            HAIRPIN_CONNECTIONS: Container("set", (address, *socket)),
            SERVICE_IPS: Container("map", socket),
            SERVICE_NODEPORTS: Container("map", port),
            NO_ENDPOINT_SERVICES: Container("map", socket),
            NO_ENDPOINT_NODEPORTS: Container("map", port),
            FIREWALL_IPS: Container("map", socket),
        },
        chains={
            REJECT_CHAIN: None,
            "services": None,
            "masquerading": None,
            "service-endpoints-check": None,
            "nodeport-endpoints-check": None,
            "firewall-check": None,
            "cluster-ips-check": None,
            "filter-prerouting-pre-dnat": Hook("filter", "prerouting", -110),
            "filter-output-pre-dnat": Hook("filter", "output", -110),
            "filter-input": Hook("filter", "input", 0),
            "filter-forward": Hook("filter", "forward", 0),
            "filter-output": Hook("filter", "output", 0),
            "nat-prerouting": Hook("nat", "prerouting", -100),
            "nat-output": Hook("nat", "output", -100),
            "nat-postrouting": Hook("nat", "postrouting", 100),
        },
    )


def render_base_table(settings: RuleSettings) -> str:
    """Lines for `nft -f -`. The table must have no rules. Containers and chains may exist."""
    ip = settings.ip
    address = settings.address_type
    loopback = "::1" if settings.family == 6 else "127.0.0.0/8"
    mark = f"{settings.masquerade_mark:#x}"
    hairpin = f"{ip} saddr . {ip} daddr . meta l4proto . th dport @{HAIRPIN_CONNECTIONS}"
    key = f"{ip} daddr . meta l4proto . th dport"
    node = f"{ip} daddr @{NODEPORT_IPS}"
    node_ports = f"fib daddr type local {ip} daddr != {loopback}" if settings.all_node_addresses else node
    input_ports = f"{ip} daddr != {loopback}" if settings.all_node_addresses else node
    from_outside = ""
    if settings.masquerade_all:
        from_outside = f"{ip} daddr @{CLUSTER_IPS} {settings.mark_rule}"
    elif settings.cluster_cidr:
        from_outside = f"{ip} daddr @{CLUSTER_IPS} {ip} saddr != {settings.cluster_cidr} {settings.mark_rule}"
    return f"""table {ip} {TABLE} {{
  comment "rules for kube-proxy"
  set {CLUSTER_IPS} {{ type {address}; comment "Active ClusterIPs"; }}
  set {NODEPORT_IPS} {{ type {address}; comment "IPs that accept NodePort traffic"; }}
  set {HAIRPIN_CONNECTIONS} {{ type {address} . {address} . inet_proto . inet_service; }}
  map {SERVICE_IPS} {{ type {address} . inet_proto . inet_service : verdict; }}
  map {SERVICE_NODEPORTS} {{ type inet_proto . inet_service : verdict; }}
  map {NO_ENDPOINT_SERVICES} {{ type {address} . inet_proto . inet_service : verdict; }}
  map {NO_ENDPOINT_NODEPORTS} {{ type inet_proto . inet_service : verdict; }}
  map {FIREWALL_IPS} {{ type {address} . inet_proto . inet_service : verdict; }}
  chain {REJECT_CHAIN} {{
    reject
  }}
  chain services {{
    {from_outside}
    {key} vmap @{SERVICE_IPS}
    {node_ports} meta l4proto . th dport vmap @{SERVICE_NODEPORTS}
  }}
  chain masquerading {{
    meta mark & {mark} != 0 meta mark set meta mark ^ {mark} masquerade fully-random
    ct status dnat {hairpin} masquerade fully-random
  }}
  chain service-endpoints-check {{
    {key} vmap @{NO_ENDPOINT_SERVICES}
  }}
  chain nodeport-endpoints-check {{
    {input_ports} meta l4proto . th dport vmap @{NO_ENDPOINT_NODEPORTS}
  }}
  chain firewall-check {{
    {key} vmap @{FIREWALL_IPS}
  }}
  chain cluster-ips-check {{
    {ip} daddr @{CLUSTER_IPS} reject comment "Reject traffic to invalid ports of ClusterIPs"
  }}
  chain filter-prerouting-pre-dnat {{
    type filter hook prerouting priority dstnat - 10; policy accept;
    ct state new jump firewall-check
  }}
  chain filter-output-pre-dnat {{
    type filter hook output priority -110; policy accept;
    ct state new jump firewall-check
  }}
  chain filter-input {{
    type filter hook input priority filter; policy accept;
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }}
  chain filter-forward {{
    type filter hook forward priority filter; policy accept;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }}
  chain filter-output {{
    type filter hook output priority filter; policy accept;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }}
  chain nat-prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    jump services
  }}
  chain nat-output {{
    type nat hook output priority -100; policy accept;
    jump services
  }}
  chain nat-postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    jump masquerading
  }}
}}
"""
