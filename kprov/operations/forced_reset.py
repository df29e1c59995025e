"""Says what a reset of single hosts means for the cluster of the others, and takes their members out of etcd.

A member whose data is gone counts for the quorum and cannot vote. So it leaves before its host is reset, as
with `kprov node remove`. The rest of that command is not done: nodes and names of the hosts stay.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from kprov.errors import HostError, InputError
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.etcd_members import (
    Member,
    count_tolerated,
    explain_lost_quorum,
    find_members,
    list_healthy,
    remove_member,
)
from kprov.operations.membership import Membership
from kprov.operations.remote import try_command

_AFTERWARDS = (
    "The others have no API then, until `kprov etcd restore` brings their cluster back from a snapshot"
)


@dataclass(frozen=True)
class Departure:
    """Members that leave etcd, and a sentence for each consequence of a reset for other hosts."""

    members: tuple[Member, ...] = ()
    consequences: tuple[str, ...] = ()


def plan_departure(
    cluster: Cluster, membership: Membership, hosts: Sequence[str], *, without_quorum: bool = False
) -> Departure:
    """Return what a reset of these hosts does to the cluster of the other hosts.

    `without_quorum`: the user accepts that etcd loses its quorum. No member can leave then.
    Raises InputError, with the reason, if it would lose it and the user does not.
    """
    others = [host for host in cluster.members(*GROUPS) if host not in hosts]
    if not others:
        return Departure()
    healthy = list_healthy(cluster, membership.members) if membership.members else ()
    return decide_departure(
        membership,
        healthy,
        {host: list_places(cluster, membership, host) for host in hosts},
        lambda: [host for host in hosts if _has_data(cluster, host)],
        without_quorum=without_quorum,
    )


def decide_departure(
    membership: Membership,
    healthy: Collection[str],
    places: dict[str, tuple[list[Member], bool]],
    list_data: Callable[[], list[str]],
    *,
    without_quorum: bool,
) -> Departure:
    """Decide it from facts. `places`: members and whether there is a node, by host; `healthy`: members' ids.

    `list_data` returns the hosts that have data of etcd: asked if no quorum says who is a member.
    """
    leaving = [member for members, _ in places.values() for member in members]
    if membership.members is None:
        holders = list_data()
        reason = (
            f"etcd has no quorum now, and the data of {', '.join(holders)} may be needed to regain it"
            if holders
            else None
        )
    else:
        reason = (
            explain_lost_quorum(membership.members, healthy, {member.id for member in leaving})
            if leaving
            else None
        )
    nodes = [host for host, (_, has_node) in places.items() if has_node]
    consequences = [_describe_nodes(nodes)] if nodes else []
    if reason is None:
        if leaving:
            consequences.insert(0, _describe_members(membership.members or [], leaving))
        return Departure(tuple(leaving), tuple(consequences))
    if not without_quorum:
        raise InputError(
            f"refused, nothing was changed: {reason}. {_AFTERWARDS}. --without-quorum accepts that",
            field="--limit",
        )
    return Departure((), (f"{reason[0].upper()}{reason[1:]}. {_AFTERWARDS}.", *consequences))


def leave_etcd(cluster: Cluster, departure: Departure, hosts: Collection[str]) -> None:
    """Take the members out of etcd, by a member that stays. Raises QuorumError before a quorum is lost."""
    for member in departure.members:
        remove_member(cluster, member, exclude=hosts)


def list_places(cluster: Cluster, membership: Membership, host: str) -> tuple[list[Member], bool]:
    """Return what a host certainly is in the cluster: its members of etcd, and whether it is a node."""
    members = find_members(
        membership.members or [], name=cluster.member_name(host), address=cluster.address(host)
    )
    is_member = "etcd" in cluster.engine.inventory.group_names(host)
    return members if is_member else [], cluster.node_name(host) in (membership.nodes or ())


def _describe_members(members: Sequence[Member], leaving: Sequence[Member]) -> str:
    voters = [member.id for member in members if not member.is_learner]
    left = [voter for voter in voters if voter not in {member.id for member in leaving}]
    before, after = count_tolerated(len(voters)), count_tolerated(len(left))
    titles = ", ".join(member.title for member in leaving)
    return (
        f"{titles} {'leaves' if len(leaving) == 1 else 'leave'} etcd first. It then has {len(left)} of "
        f"{len(voters)} members, which tolerate {_count_failures(after)} instead of {before}."
    )


def _count_failures(count: int) -> str:
    return f"{count or 'no'} failure{'' if count == 1 else 's'}"


def _describe_nodes(hosts: Sequence[str]) -> str:
    names = " ".join(hosts)
    is_single = len(hosts) == 1
    return (
        f"{', '.join(hosts)} {'stays a node' if is_single else 'stay nodes'} of the cluster, and the other "
        f"hosts go on naming {'it' if is_single else 'them'}: `kprov node remove {names}` ends that, "
        f"`kprov up` sets {'it' if is_single else 'them'} up again."
    )


def _has_data(cluster: Cluster, host: str) -> bool:
    """Whether an etcd host has data; one that cannot say counts as if it had."""
    if "etcd" not in cluster.engine.inventory.group_names(host):
        return False
    path = shlex.quote(f"{cluster.variables[host].etcd_data_dir}/member")
    try:
        return try_command(cluster, host, f"test -e {path}").code == 0
    except HostError:
        return True
