"""Finds nodes and etcd members that are not in the inventory, which no run can change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kprov.operations.cluster import Cluster
from kprov.operations.running_cluster import RunningCluster


@dataclass(frozen=True)
class UnlistedHost:
    """A node, an etcd member, or both, that the inventory does not have."""

    name: str
    node: bool = False
    #: The address of the etcd member; empty if it is not one.
    member: str = ""

    @property
    def kinds(self) -> str:
        """Say what it is in the cluster."""
        names = ["a node"] if self.node else []
        return " and ".join([*names, *([f"a member of etcd ({self.member})"] if self.member else [])])

    @property
    def place(self) -> str:
        """Name the groups that do not have it."""
        groups = ["kube_node"] * self.node + ["etcd"] * bool(self.member)
        return f"the inventory's {' and '.join(groups)}"

    def __str__(self) -> str:
        return (
            f"{self.name} is {self.kinds} of the cluster, but not in {self.place}, so that no run sets it up "
            f"as such: add it there, or remove it from the cluster with `kprov node remove {self.name}`"
        )


def find_unlisted_hosts(cluster: Cluster, running: RunningCluster) -> list[UnlistedHost]:
    """Return the cluster's nodes and members that are not in their group of the inventory."""
    return compare_names(
        running,
        nodes={cluster.node_name(host) for host in cluster.members("kube_node")},
        addresses={cluster.address(host) for host in cluster.members("etcd")},
        # A host with a new address has its old member, which `kprov node replace` removes.
        members={cluster.member_name(host) for host in cluster.members("etcd")},
    )


def compare_names(
    running: RunningCluster, *, nodes: Iterable[str], addresses: Iterable[str], members: Iterable[str] = ()
) -> list[UnlistedHost]:
    """Compare names of nodes, and addresses and names of etcd members; a host that is both counts once."""
    unknown_nodes = set(running.nodes or {}) - set(nodes)
    unknown_members = {
        name: address
        for name, address in (running.members or {}).items()
        if address not in set(addresses) and name not in set(members)
    }
    names = sorted(unknown_nodes | set(unknown_members))
    return [UnlistedHost(name, name in unknown_nodes, unknown_members.get(name, "")) for name in names]
