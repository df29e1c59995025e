"""Changes which hosts a lab's inventory has, as a user would edit the file."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from pathlib import Path

import yaml

GROUPS = ("kube_control_plane", "etcd", "kube_node")


def set_hosts(folder: Path, subnet: str, members: Iterable[str], nodes: Iterable[str] = ()) -> None:
    """Let the inventory have `members` in all groups of a cluster, and `nodes` only in kube_node."""
    file = folder / "hosts.yml"
    document = yaml.safe_load(file.read_text())
    members, nodes = list(members), list(nodes)
    network = ipaddress.ip_network(subnet)
    everything = document["all"]
    hosts = [*members, *nodes]
    everything["hosts"] = {
        host: {"ansible_host": str(network[10 + int(host.removeprefix("node"))])} for host in hosts
    }
    everything["children"] = {
        group: {"hosts": dict.fromkeys(hosts if group == "kube_node" else members)} for group in GROUPS
    }
    file.write_text(yaml.safe_dump(document, sort_keys=False))
