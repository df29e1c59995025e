"""Checks that kube_vip_address is in the network of keepalived's interface."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from kprov.errors import InputError
from kprov.inventory.cluster.validation import variable_place
from kprov.operations.cluster import Cluster, run_read_only
from kprov.operations.host_answers import read_answer


def check_vip_network(cluster: Cluster, hosts: Iterable[str]) -> None:
    """Check the hosts with keepalived. Raises InputError that names host, network and address."""
    reached = set(hosts)
    for host in cluster.members("kube_control_plane"):
        vip = cluster.variables[host].kube_vip_address
        if host not in reached or vip == "":
            continue
        answer = run_read_only(cluster, host, "setup", [{"gather_subset": ["!all", "!min", "network"]}])
        facts = answer[0].get("ansible_facts") if answer else None
        if facts is None:
            continue
        scope = cluster.engine.host_variables(host)
        interface_name = str(scope["keepalived_interface"]) if "keepalived_interface" in scope else None
        with read_answer(host, "setup"):
            text = find_vip_problem(vip, facts, interface_name)
        if text is not None:
            file, line = variable_place(cluster.engine.inventory, "kube_vip_address")
            raise InputError(f"{host}: {text}", file=file, line=line, field="kube_vip_address")


def find_vip_problem(
    vip: ipaddress.IPv4Address, facts: Mapping[str, Any], interface_name: str | None
) -> str | None:
    """Return why a host with these facts cannot have the address. `interface_name`: keepalived_interface."""
    interface = interface_name or facts.get("ansible_default_ipv4", {}).get("interface")
    if interface is None:
        return "no interface has a default route: set keepalived_interface"
    here = list(interface_networks(interface, facts))
    if any(vip in network for network in here):
        return None
    if not here and interface_name:
        return f"keepalived_interface {interface_name} has no IPv4 address"
    network_text = " and ".join(map(str, here))
    text = f"{vip} is not an address of {network_text}, the network on {interface}"
    for other in facts.get("ansible_interfaces", []):
        if any(vip in network for network in interface_networks(other, facts)):
            name = _interface_facts(other, facts).get("device", other)
            return f"{text}; {name} has it: set keepalived_interface to {name}"
    return f"{text}: keepalived cannot bring it there"


def interface_networks(interface: str, facts: Mapping[str, Any]) -> Iterator[ipaddress.IPv4Network]:
    """Return the IPv4 networks of an interface, without /32: keepalived adds its address as one."""
    link = _interface_facts(interface, facts)
    first = [link["ipv4"]] if "ipv4" in link else []
    for entry in [*first, *link.get("ipv4_secondaries", [])]:
        network = ipaddress.IPv4Network(f"{entry['network']}/{entry['netmask']}")
        if network.prefixlen < 32:
            yield network


def _interface_facts(interface: str, facts: Mapping[str, Any]) -> Mapping[str, Any]:
    interface_facts: Mapping[str, Any] = facts.get("ansible_" + re.sub(r"[-.:]", "_", interface), {})
    return interface_facts
