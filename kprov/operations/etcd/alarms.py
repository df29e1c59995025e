"""Alarms of etcd. `kprov etcd disarm`: clear the alarm that etcd raised when its database reached the quota.

With this alarm etcd rejects all writes until somebody clears it. Arguments of disarm: none.
"""

from __future__ import annotations

import re

from kprov.errors import KprovError
from kprov.operations.cluster import Cluster
from kprov.operations.etcd.connecting import connect_etcd
from kprov.operations.etcd.status import Member, read_members
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import etcdctl_line, run_command

#: Part of the quota that must be free: etcd would raise the alarm again at once.
_MIN_FREE = 0.1
_QUOTA = re.compile(r"^quota-backend-bytes: (\d+)$", re.MULTILINE)
#: What etcd uses if the quota is 0.
_DEFAULT_QUOTA = 2 * 1024**3


def list_phases(context: OperationContext) -> list[Phase]:
    """Return the only phase."""
    unreachable = connect_etcd(context.cluster)
    return [make_disarm_phase(context, unreachable)]


def make_disarm_phase(context: OperationContext, unreachable: dict[str, str]) -> Phase:
    """Return the phase that clears the alarm for space. Raises KprovError if there is still no space."""
    cluster = context.cluster

    def plan() -> list[str]:
        return [f"clear the alarm NOSPACE of {member.host}" for member in find_full(cluster, unreachable)]

    def run() -> None:
        clear_alarm(cluster, find_full(cluster, unreachable))

    return Phase("Clear the alarm for space", plan, run)


def clear_alarm(cluster: Cluster, members: list[Member]) -> None:
    """Clear the alarm of these members. Raises KprovError if there is still no space."""
    check_space(cluster, members)
    run_etcdctl_with_alarm(cluster, "alarm disarm")


def find_full(cluster: Cluster, unreachable: dict[str, str]) -> list[Member]:
    """Return the members with the alarm for space."""
    return [member for member in read_members(cluster, unreachable) if "NOSPACE" in member.alarms]


def check_space(cluster: Cluster, members: list[Member]) -> None:
    """Raise KprovError if the database of a member still fills its quota."""
    for member in members:
        quota = read_quota(cluster, member.host)
        if member.size > quota * (1 - _MIN_FREE):
            raise KprovError(
                f"{member.host}: etcd's database has {format_size(member.size)} of the quota of "
                f"{format_size(quota)}, {format_size(member.in_use)} of them in use: run `kprov etcd defrag` "
                "to release what is not in use, delete objects, or increase etcd_quota_backend_bytes and run "
                "`kprov up`; then clear the alarm"
            )


def read_quota(cluster: Cluster, host: str) -> int:
    """Return the quota of the member on a host, in bytes."""
    match = _QUOTA.search(run_command(cluster, host, "cat /etc/etcd/etcd.conf.yml"))
    return (int(match[1]) if match else 0) or _DEFAULT_QUOTA


def run_etcdctl_with_alarm(cluster: Cluster, arguments: str) -> str:
    """Run etcdctl on the first host whose member answers; members with an alarm are not healthy."""
    for member in read_members(cluster, dict(cluster.engine.unreachable_hosts)):
        if not member.error and member.has_leader:
            return run_command(cluster, member.host, etcdctl_line(cluster, member.host, arguments))
    raise KprovError("no member of etcd serves in a quorum")


def format_size(count: int) -> str:
    """Return a number of bytes with a unit."""
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
