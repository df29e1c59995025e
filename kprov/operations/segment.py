"""Whether keepalived can move kube_vip_address: it has to be an address of the network on its interface."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kprov.errors import InputError
from kprov.inventory.cluster.validation import place
from kprov.operations.cluster import Cluster, ask


def check(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Ask those of the hosts that keepalived runs on. Raises InputError naming host, network and address."""
    reached = set(hosts)
    for host in cluster.members("kube_control_plane"):
        vip = cluster.variables[host].kube_vip_address
        if host not in reached or vip == "":
            continue
        answer = ask(cluster, host, "setup", [{"gather_subset": ["!all", "!min", "network"]}])
        facts = answer[0].get("ansible_facts") if answer else None
        if facts is None:
            continue
        scope = cluster.engine.host_scope(host)
        named = str(scope["keepalived_interface"]) if "keepalived_interface" in scope else None
        text = problem(vip, facts, named)
        if text is not None:
            file, line = place(cluster.engine.inventory, "kube_vip_address")
            raise InputError(f"{host}: {text}", file=file, line=line, field="kube_vip_address")


def problem(vip: ipaddress.IPv4Address, facts: Mapping[str, Any], named: str | None) -> str | None:
    """Why a host with these facts cannot have the address; `named` is keepalived_interface."""
    interface = named or facts.get("ansible_default_ipv4", {}).get("interface")
    if interface is None:
        return "no interface has a default route: set keepalived_interface"
    here = list(networks(interface, facts))
    if any(vip in network for network in here):
        return None
    if not here and named:
        return f"keepalived_interface {named} has no IPv4 address"
    shown = " and ".join(map(str, here))
    text = f"{vip} is not an address of {shown}, the network on {interface}"
    for other in facts.get("ansible_interfaces", []):
        if any(vip in network for network in networks(other, facts)):
            name = _link(other, facts).get("device", other)
            return f"{text}; {name} has it: set keepalived_interface to {name}"
    return f"{text}: keepalived cannot bring it there"


def networks(interface: str, facts: Mapping[str, Any]) -> Iterator[ipaddress.IPv4Network]:
    """IPv4 networks of an interface. A single address is none: keepalived brings its own as one."""
    link = _link(interface, facts)
    first = [link["ipv4"]] if "ipv4" in link else []
    for entry in [*first, *link.get("ipv4_secondaries", [])]:
        network = ipaddress.IPv4Network(f"{entry['network']}/{entry['netmask']}")
        if network.prefixlen < 32:
            yield network


def _link(interface: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = facts.get("ansible_" + re.sub(r"[-.:]", "_", interface), {})
    return found
