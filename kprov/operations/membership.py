"""Says which hosts are in the running cluster: etcd's list and the API know it, not the inventory.

A host that was removed may still stand in the inventory, and one that is to be added already. An operation on
other hosts must not set them up, issue certificates for them, name them in files, or count them as members.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from kprov.errors import HostError, KprovError
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.etcd_members import Member, find_members, list_members
from kprov.operations.lost_cluster import check_exists
from kprov.operations.phases import OperationContext
from kprov.operations.remote import get_objects, try_command
from kprov.operations.running_cluster import APISERVER, read_credentials
from kprov.operations.shared_credentials import check_shared_credentials
from kprov.operations.unreachable_hosts import connect_hosts


@dataclass(frozen=True)
class Membership:
    """The members of etcd, and the names of the nodes. None: nobody answers, so that they are unknown."""

    members: list[Member] | None
    nodes: frozenset[str] | None


def connect_cluster(
    context: OperationContext,
    named: Collection[str] = (),
    *,
    exists: bool | None = None,
    has_keys: bool = True,
) -> None:
    """Connect to the cluster's hosts, and leave out those that only the inventory has. Raises KprovError.

    `named`: hosts that the user named. They stay, whether the cluster has them or not.
    `exists`: whether there is a cluster; None if the journal tells it.
    `has_keys`: whether artifacts/ must have the keys of the cluster. An operation without them would make new
    authorities and bring them to the hosts, where no running component trusts them.
    """
    cluster = context.cluster

    def leave_out() -> list[str]:
        absent = [host for host in find_absent(cluster, read_membership(cluster)) if host not in named]
        if absent:
            names = ", ".join(absent)
            context.callbacks.warning(
                f"{names}: in the inventory, but not in the cluster (no member of etcd, no node). This "
                f"operation leaves {'it' if len(absent) == 1 else 'them'} alone. Delete what was removed "
                f"from the inventory, add what is new with `kprov node add {' '.join(absent)}`"
            )
            cluster.leave_out(absent)
        return absent

    context.facts = connect_hosts(cluster, cluster.members(*GROUPS), leave_out, exists=exists)
    if exists is None:
        check_exists(cluster, [host for host in context.facts if host not in named])
    if has_keys:
        check_shared_credentials(cluster.artifacts / "pki", read_credentials(cluster, context.facts))
    for host, reason in cluster.engine.unreachable_hosts.items():
        if host not in named:
            context.callbacks.warning(f"{host} does not answer and stays as it is ({reason})")


def read_membership(cluster: Cluster) -> Membership:
    """Read etcd's list and the API's nodes from the hosts that answer."""
    members: list[Member] | None = None
    nodes: frozenset[str] | None = None
    try:
        members = list_members(cluster)
        nodes = frozenset(node["metadata"]["name"] for node in get_objects(cluster, "nodes")["items"])
    except KprovError:
        # Without a quorum or an API server nothing is known, and every host counts.
        pass
    return Membership(members, nodes)


def find_absent(cluster: Cluster, membership: Membership) -> list[str]:
    """Return the hosts of the inventory that are certainly not in the cluster."""
    return [host for host in cluster.members(*GROUPS) if not _is_present(cluster, membership, host)]


def _is_present(cluster: Cluster, membership: Membership, host: str) -> bool:
    groups = set(cluster.engine.inventory.group_names(host))
    if "etcd" in groups:
        if membership.members is None:
            return True
        address = cluster.address(host)
        if find_members(membership.members, name=cluster.member_name(host), address=address):
            return True
    if "kube_node" in groups and (membership.nodes is None or cluster.node_name(host) in membership.nodes):
        return True
    # Neither etcd nor the API knows a host that has only a control plane.
    return groups & set(GROUPS) == {"kube_control_plane"} and has_control_plane(cluster, host)


def has_control_plane(cluster: Cluster, host: str) -> bool:
    """Whether the host has an API server; a host that does not answer is assumed to have one."""
    if host in cluster.engine.unreachable_hosts:
        return True
    try:
        return try_command(cluster, host, f"test -e {APISERVER}").code == 0
    except HostError:
        return True
