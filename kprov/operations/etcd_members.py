"""Reads and changes the members of etcd, and says which changes would lose the quorum.

The role etcd adds members: as learners, which receive the data without a vote, and promotes them.
See https://etcd.io/docs/v3.5/op-guide/runtime-configuration and .../learning/design-learner.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from kprov.errors import InputError, KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.remote import etcdctl_line, find_etcd_host, run_command, run_etcdctl, try_command


class QuorumError(KprovError):
    """A change of the members would leave etcd without a quorum."""


@dataclass(frozen=True)
class Member:
    """A member of etcd. `id` is hexadecimal, as etcdctl takes it; a member that never started has no name."""

    id: str
    name: str
    peer_urls: tuple[str, ...]
    client_urls: tuple[str, ...]
    is_learner: bool = False

    @property
    def address(self) -> str:
        """The address to which its peers connect."""
        return self.peer_urls[0].split("//")[1].rsplit(":", 1)[0]

    @property
    def title(self) -> str:
        """Its name, or its address if it never started."""
        return self.name or self.address


def parse_members(text: str) -> list[Member]:
    """Parse `etcdctl member list -w json`."""
    return [
        Member(
            id=f"{member['ID']:x}",
            name=member.get("name", ""),
            peer_urls=tuple(member.get("peerURLs", ())),
            client_urls=tuple(member.get("clientURLs", ())),
            is_learner=bool(member.get("isLearner")),
        )
        for member in json.loads(text)["members"]
    ]


def list_members(cluster: Cluster, *, exclude: Collection[str] = ()) -> list[Member]:
    """Return all members. Raises KprovError if no member serves in a quorum.

    `exclude` are hosts whose member must not be used for the question.
    """
    return parse_members(run_etcdctl(cluster, "member list -w json", exclude=exclude))


def find_members(members: Iterable[Member], *, name: str, address: str = "") -> list[Member]:
    """Return the members with this name or address: two if a host changed its address."""
    return [
        member for member in members if member.name == name or (bool(address) and member.address == address)
    ]


def list_healthy(cluster: Cluster, members: Iterable[Member], *, exclude: Collection[str] = ()) -> set[str]:
    """Return the ids of the members that serve in a quorum. A learner never does."""
    host = find_etcd_host(cluster, exclude)
    # The exit code is 1 if one member is unhealthy; the document is complete.
    output = try_command(cluster, host, etcdctl_line(cluster, host, "endpoint health --cluster -w json"))
    healthy = {entry["endpoint"] for entry in json.loads(output.stdout or "[]") if entry.get("health")}
    return {member.id for member in members if healthy & set(member.client_urls)}


def find_leader_host(cluster: Cluster) -> str:
    """Return the host of the leader; "" if no member says or the inventory does not have it."""
    try:
        members, leader = list_members(cluster), find_leader(cluster)
    except KprovError:
        return ""
    for host in cluster.members("etcd"):
        name, address = cluster.member_name(host), cluster.address(host)
        if leader in {member.id for member in find_members(members, name=name, address=address)}:
            return host
    return ""


def count_quorum(voters: int) -> int:
    """Return how many of these voters a quorum needs."""
    return voters // 2 + 1


def count_tolerated(voters: int) -> int:
    """Return how many of these voters may fail."""
    return voters - count_quorum(voters)


def explain_lost_quorum(
    members: Iterable[Member], healthy: Collection[str], removed: Collection[str]
) -> str | None:
    """Return why these ids cannot be removed; None if a quorum remains before and after.

    A removal is itself a write, which the members of before have to accept.
    """
    voters = [member for member in members if not member.is_learner]
    remaining = [member for member in voters if member.id not in removed]
    alive = [member for member in remaining if member.id in healthy]
    alive_before = [member for member in voters if member.id in healthy]
    if len(alive_before) < count_quorum(len(voters)):
        return (
            f"etcd has no quorum: {len(alive_before)} of {len(voters)} members are healthy, "
            f"{count_quorum(len(voters))} are needed"
        )
    if len(remaining) == len(voters):
        return None
    names = ", ".join(sorted(member.title for member in voters if member.id in removed))
    if not remaining:
        return f"without {names} etcd has no member"
    needed = count_quorum(len(remaining))
    if len(alive) >= needed:
        return None
    down = sorted(member.title for member in remaining if member.id not in healthy)
    verb = "is" if len(down) == 1 else "are"
    return (
        f"without {names} etcd has no quorum: {len(alive)} of {len(remaining)} members would be healthy, "
        f"{needed} are needed ({', '.join(down)} {verb} down)"
    )


def require_quorum(members: Iterable[Member], healthy: Collection[str], removed: Collection[str]) -> None:
    """Raise InputError if these ids cannot be removed. Call it before anything is changed."""
    reason = explain_lost_quorum(members, healthy, removed)
    if reason is not None:
        raise InputError(f"refused, nothing was changed: {reason}", field="HOST")


def remove_member(cluster: Cluster, member: Member, *, exclude: Collection[str] = ()) -> None:
    """Remove a member. Raises QuorumError, before anything is changed, if that would lose the quorum."""
    members = list_members(cluster, exclude=exclude)
    if member.id not in {other.id for other in members}:
        return
    healthy = list_healthy(cluster, members, exclude=exclude)
    reason = explain_lost_quorum(members, healthy, {member.id})
    if reason is not None:
        raise QuorumError(f"{member.title} stays a member of etcd: {reason}")
    move_leader(cluster, member, members, healthy, exclude=exclude)
    run_etcdctl(cluster, f"member remove {member.id}", exclude=exclude)


def move_leader(
    cluster: Cluster,
    member: Member,
    members: Iterable[Member],
    healthy: Collection[str],
    *,
    exclude: Collection[str] = (),
) -> bool:
    """Let another healthy member lead if this one does, so that it can stop without an election."""
    others = [
        other for other in members if other.id in healthy and other.id != member.id and not other.is_learner
    ]
    if member.id not in healthy or not others or find_leader(cluster, exclude=exclude) != member.id:
        return False
    host = find_etcd_host(cluster, exclude)
    # Only the leader accepts the request.
    run_command(
        cluster, host, etcdctl_line(cluster, host, f"move-leader {others[0].id}", member.client_urls[0])
    )
    return True


def find_leader(cluster: Cluster, *, exclude: Collection[str] = ()) -> str:
    """Return the id of the leader."""
    status = json.loads(run_etcdctl(cluster, "endpoint status -w json", exclude=exclude))[0]["Status"]
    return f"{status['leader']:x}"
