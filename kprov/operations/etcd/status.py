"""The state of etcd's members, each read on its own host, so that a member without a quorum is seen, too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from kprov.errors import HostError, KprovError
from kprov.operations import etcd_members
from kprov.operations.cluster import Cluster
from kprov.operations.remote import etcdctl_line, run_command

_ALARMS = {1: "NOSPACE", 2: "CORRUPT"}
#: Entries that a member may lag behind the newest one and still count as up to date.
_MAX_LAG = 1000


@dataclass(frozen=True)
class Member:
    """A member's state. `error` says why it does not answer; the other fields have no values then."""

    host: str
    error: str = ""
    id: int = 0
    version: str = ""
    size: int = 0
    in_use: int = 0
    leader: bool = False
    has_leader: bool = False
    learner: bool = False
    term: int = 0
    raft_index: int = 0
    applied_index: int = 0
    revision: int = 0
    alarms: tuple[str, ...] = ()

    @property
    def free(self) -> int:
        """The bytes that a defragmentation would release."""
        return max(0, self.size - self.in_use)

    def to_json(self) -> dict[str, Any]:
        """As JSON, with the member's ID as etcdctl prints it."""
        return {
            "host": self.host,
            "id": f"{self.id:x}" if self.id else "",
            "error": self.error,
            "version": self.version,
            "dbSize": self.size,
            "dbSizeInUse": self.in_use,
            "leader": self.leader,
            "learner": self.learner,
            "raftTerm": self.term,
            "raftIndex": self.raft_index,
            "raftAppliedIndex": self.applied_index,
            "revision": self.revision,
            "alarms": list(self.alarms),
        }


def read_members(cluster: Cluster, unreachable: Mapping[str, str] = {}) -> list[Member]:
    """Return the state of the member on each etcd host. `unreachable`: the reason for each such host."""
    hosts = cluster.members("etcd")
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        members = list(
            pool.map(
                lambda host: (
                    Member(host, error=unreachable[host])
                    if host in unreachable
                    else _read_member(cluster, host)
                ),
                hosts,
            )
        )
    return assign_alarms(members, read_alarms(cluster, members))


def assign_alarms(members: list[Member], alarms: Mapping[int, tuple[str, ...]]) -> list[Member]:
    """Return the members with their alarms.

    The leader gets the alarm NOSPACE of a member that is unknown: one that was removed, or one of the cluster
    from which a snapshot is. It stops all writes like that of a member.
    """
    members = [replace(member, alarms=alarms.get(member.id, ())) for member in members]
    known = {member.id for member in members}
    if not any("NOSPACE" in names for number, names in alarms.items() if number not in known):
        return members
    return [
        replace(member, alarms=(*member.alarms, "NOSPACE"))
        if member.leader and "NOSPACE" not in member.alarms
        else member
        for member in members
    ]


def _read_member(cluster: Cluster, host: str) -> Member:
    try:
        output = run_command(cluster, host, etcdctl_line(cluster, host, "endpoint status -w json"))
    except HostError as error:
        return Member(host, error=error.reason.splitlines()[-1])
    return parse_status(host, json.loads(output)[0]["Status"])


def parse_status(host: str, status: Mapping[str, Any]) -> Member:
    """Return the member from `etcdctl endpoint status -w json`."""
    header = status["header"]
    leader = status.get("leader", 0)
    return Member(
        host=host,
        id=header["member_id"],
        version=status["version"],
        size=int(status.get("dbSize", 0)),
        # etcd 3.3 did not report it.
        in_use=int(status.get("dbSizeInUse", status.get("dbSize", 0))),
        leader=leader == header["member_id"],
        has_leader=bool(leader),
        learner=bool(status.get("isLearner")),
        term=int(status.get("raftTerm", 0)),
        raft_index=int(status.get("raftIndex", 0)),
        applied_index=int(status.get("raftAppliedIndex", 0)),
        revision=int(header.get("revision", 0)),
    )


def read_alarms(cluster: Cluster, members: Iterable[Member]) -> dict[int, tuple[str, ...]]:
    """Return the names of the alarms by member ID; empty if no member can say."""
    for member in members:
        if member.error or not member.has_leader:
            continue
        try:
            output = run_command(
                cluster, member.host, etcdctl_line(cluster, member.host, "alarm list -w json")
            )
        except HostError:
            continue
        return parse_alarms(json.loads(output))
    return {}


def parse_alarms(document: Mapping[str, Any]) -> dict[int, tuple[str, ...]]:
    """Return the names of the alarms by member ID from `etcdctl alarm list -w json`."""
    alarms: dict[int, tuple[str, ...]] = {}
    for entry in document.get("alarms") or []:
        name = _ALARMS.get(entry.get("alarm", 0), str(entry.get("alarm", 0)))
        alarms[entry["memberID"]] = (*alarms.get(entry["memberID"], ()), name)
    return alarms


def find_member_problems(members: Iterable[Member]) -> list[str]:
    """Return why members are unhealthy, a line each. An alarm for space is not a problem of a member."""
    members = list(members)
    newest = max((member.raft_index for member in members), default=0)
    problems = []
    for member in members:
        if member.error:
            problems.append(f"{member.host}: the member does not answer: {member.error}")
        elif not member.has_leader:
            problems.append(f"{member.host}: the member has no leader: the quorum is lost")
        elif newest - member.applied_index > _MAX_LAG:
            lag = newest - member.applied_index
            problems.append(f"{member.host}: the member lags behind by {lag} entries")
        if "CORRUPT" in member.alarms:
            problems.append(f"{member.host}: the data is corrupt (alarm CORRUPT): replace the member")
    return problems


def read_member_list(cluster: Cluster, hosts: Iterable[str]) -> list[etcd_members.Member]:
    """Return the member list of the first of these hosts that answers. Raises KprovError."""
    last: KprovError = KprovError("no etcd host is reachable")
    for host in hosts:
        try:
            output = run_command(cluster, host, etcdctl_line(cluster, host, "member list -w json"))
        except HostError as error:
            last = error
            continue
        return sorted(etcd_members.parse_members(output), key=lambda member: member.title)
    raise last
