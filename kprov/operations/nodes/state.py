"""Finds what a host is in the running cluster: its node, its members of etcd, its files."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kprov.errors import HostError, InputError
from kprov.operations.cluster import Cluster
from kprov.operations.etcd_members import Member, find_members, list_members
from kprov.operations.remote import get_objects, try_command


@dataclass(frozen=True)
class Target:
    """A host of the inventory, or a node or member that the inventory does not have (`host` is empty)."""

    name: str
    host: str
    node: str
    member: str

    @property
    def is_known(self) -> bool:
        """Whether the inventory has it."""
        return bool(self.host)


def make_target(cluster: Cluster, name: str) -> Target:
    """Return what the inventory says about a host of this name; its node and member may not exist."""
    if name in cluster.members("kube_control_plane", "etcd", "kube_node"):
        return Target(name, name, cluster.node_name(name), cluster.member_name(name))
    return Target(name, "", name, name)


def find_node(cluster: Cluster, name: str, *, exclude: Collection[str] = ()) -> dict[str, Any] | None:
    """Return the object of a node; None if it does not exist."""
    line = f"nodes --field-selector=metadata.name={shlex.quote(name)}"
    items: list[dict[str, Any]] = get_objects(cluster, line, exclude=exclude)["items"]
    return items[0] if items else None


def is_ready(node: dict[str, Any]) -> bool:
    """Whether the node's kubelet reports that it is ready."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(entry["type"] == "Ready" and entry["status"] == "True" for entry in conditions)


def find_address(node: dict[str, Any]) -> str:
    """Return the internal address that the node's kubelet reports; empty if there is none."""
    addresses = node.get("status", {}).get("addresses", [])
    return next((str(entry["address"]) for entry in addresses if entry["type"] == "InternalIP"), "")


def find_target_members(cluster: Cluster, target: Target, *, exclude: Collection[str] = ()) -> list[Member]:
    """Return the members of etcd with the target's name or address."""
    address = cluster.address(target.host) if target.host else target.name
    members = list_members(cluster, exclude=exclude)
    return find_members(members, name=target.member, address=address)


def require_in_cluster(cluster: Cluster, target: Target) -> None:
    """Raise InputError if neither the inventory nor the cluster has a host of this name."""
    if target.is_known or find_node(cluster, target.node) or find_target_members(cluster, target):
        return
    hosts = ", ".join(cluster.members("kube_control_plane", "etcd", "kube_node"))
    raise InputError(
        f"{target.name!r} is neither a host of the inventory ({hosts}) nor a node or member of etcd",
        file=cluster.engine.inventory.path,
        field="HOST",
    )


def has_remains(cluster: Cluster, host: str) -> bool:
    """Whether the host has files of a cluster. Raises HostError if it does not answer."""
    variables = cluster.variables[host]
    paths = [
        variables.kube_config_dir,
        "/etc/etcd",
        f"{variables.etcd_data_dir}/member",
        variables.bundle_root,
    ]
    tests = " -o ".join(f"-e {shlex.quote(str(path))}" for path in paths)
    return try_command(cluster, host, f"test {tests}").code == 0


def answers(cluster: Cluster, host: str) -> bool:
    """Whether commands run on the host now."""
    if host in cluster.engine.unreachable_hosts:
        return False
    try:
        return try_command(cluster, host, "true").code == 0
    except HostError:
        return False
