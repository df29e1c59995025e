"""`kprov etcd defrag`: give the free space of the members' databases back to the disk, one member at a time.

A member does not serve while it is defragmented. The leader is last. Arguments: all (also members with little
free space).
"""

from __future__ import annotations

from collections.abc import Mapping

from kprov.errors import KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.etcd.alarms import find_full, format_size, make_disarm_phase, run_etcdctl_with_alarm
from kprov.operations.etcd.connecting import connect_etcd
from kprov.operations.etcd.status import Member, find_member_problems, read_members
from kprov.operations.health import wait_for
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import etcdctl_line, run_command
from kprov.operations.unreachable_hosts import MissingHostsError

#: A member is worth a defragmentation with so many free bytes, and with this part of its database free.
_MIN_FREE_BYTES = 1024**2
_MIN_FREE = 0.1
_TIMEOUT = "10m"
_HEALTH_TIMEOUT = 120.0


def list_phases(context: OperationContext) -> list[Phase]:
    """Return a phase for each member, the leader last, between compaction and the end of the alarm."""
    unreachable = connect_etcd(context.cluster)
    members = read_members(context.cluster, unreachable)
    refuse_unhealthy(members, unreachable)
    return [
        _make_compact_phase(context, unreachable),
        *(_make_defrag_phase(context, member.host) for member in order_members(members)),
        make_disarm_phase(context, unreachable),
    ]


def refuse_unhealthy(members: list[Member], unreachable: Mapping[str, str]) -> None:
    """Raise KprovError if a member is unhealthy: the next one would stop serving, too."""
    problems = find_member_problems(members)
    if problems:
        kind = MissingHostsError if unreachable else KprovError
        raise kind(
            "etcd is not defragmented because a member is unhealthy, and each member stops serving while it "
            "is defragmented:\n" + "\n".join(f"  {problem}" for problem in problems)
        )


def order_members(members: list[Member]) -> list[Member]:
    """Return the members with the leader last."""
    return sorted(members, key=lambda member: member.leader)


def _make_compact_phase(context: OperationContext, unreachable: dict[str, str]) -> Phase:
    """Return the phase that drops old revisions if etcd is full; otherwise the API server does it."""
    cluster = context.cluster

    def plan() -> list[str]:
        full = find_full(cluster, unreachable)
        return [f"drop all revisions before {max(member.revision for member in full)}"] if full else []

    def run() -> None:
        compact_history(cluster, max(member.revision for member in find_full(cluster, unreachable)))

    return Phase("Compact the history", plan, run)


def compact_history(cluster: Cluster, revision: int) -> None:
    """Drop all revisions before this one."""
    try:
        run_etcdctl_with_alarm(cluster, f"compact --physical {revision}")
    except KprovError as error:
        if "has been compacted" not in str(error):
            raise


def _make_defrag_phase(context: OperationContext, host: str) -> Phase:
    cluster = context.cluster

    def read_one() -> Member:
        wait_for(lambda: find_member_problems(read_members(cluster)), _HEALTH_TIMEOUT)
        return next(member for member in read_members(cluster) if member.host == host)

    def plan() -> list[str]:
        member = read_one()
        if not context.arguments.get("all") and not is_worthwhile(member):
            return []
        role = "leader" if member.leader else "follower"
        text = f"defragment {format_size(member.size)} with {format_size(member.free)} free ({role})"
        return [text]

    def run() -> None:
        before = read_one()
        defragment(cluster, host)
        after = read_one()
        context.say(f"  {host}: {format_size(before.size)} -> {format_size(after.size)}")

    return Phase(f"Defragment {host}", plan, run)


def defragment(cluster: Cluster, host: str) -> None:
    """Give the free space of a member's database back to the disk. It does not serve in this time."""
    line = etcdctl_line(cluster, host, f"--command-timeout={_TIMEOUT} defrag")
    run_command(cluster, host, line)


def is_worthwhile(member: Member) -> bool:
    """Whether a defragmentation would release much."""
    return member.free >= _MIN_FREE_BYTES and member.free >= member.size * _MIN_FREE
