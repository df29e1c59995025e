"""`kprov etcd replace`: give a member new data from the others, such as after the alarm CORRUPT.

Arguments: host. The host itself stays as it is, with its other components. `kprov node replace` is for hosts
that were reinstalled or have another address.
"""

from __future__ import annotations

import shlex
from dataclasses import replace

from kprov.errors import InputError
from kprov.operations.etcd.progress import ReplaceProgress
from kprov.operations.etcd.restore_hosts import find_etcd_problems
from kprov.operations.etcd_members import (
    Member,
    explain_lost_quorum,
    find_members,
    list_healthy,
    list_members,
    remove_member,
)
from kprov.operations.health import wait_for
from kprov.operations.membership import connect_cluster
from kprov.operations.nodes.selection import find_hosts, require_reachable
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import find_etcd_host, run_command

_HEALTH_TIMEOUT = 300.0


def list_phases(context: OperationContext) -> list[Phase]:
    """Remove the member, erase its data, let it join again."""
    cluster = context.cluster
    host = find_hosts(cluster, [context.arguments["host"]], "etcd")[0]
    connect_cluster(context, [host])
    require_reachable(cluster, [host])
    if not set(cluster.members("etcd")) - {host}:
        raise InputError(
            "etcd has no other member from which this one could get its data: restore a snapshot with "
            "`kprov etcd restore`",
            field="HOST",
        )
    find_etcd_host(cluster, [host])
    if ReplaceProgress.find(context.memory) is None:
        members = tuple(member.id for member in find_own(context, host))
        ReplaceProgress(members).store(context.memory)
    return [
        _make_quorum_phase(context, host),
        _make_removal_phase(context, host),
        _make_erase_phase(context, host),
        _make_join_phase(context, host),
    ]


def find_own(context: OperationContext, host: str) -> list[Member]:
    """Return the host's members that the others know."""
    cluster = context.cluster
    members = list_members(cluster, exclude=[host])
    return find_members(members, name=cluster.member_name(host), address=cluster.address(host))


def _list_old(context: OperationContext, host: str) -> list[Member]:
    """Return the members of before the operation that are still there."""
    old = ReplaceProgress.read(context.memory).members
    return [member for member in find_own(context, host) if member.id in old]


def _make_quorum_phase(context: OperationContext, host: str) -> Phase:
    def plan() -> list[str]:
        old = {member.id for member in _list_old(context, host)}
        if not old:
            return []
        members = list_members(context.cluster, exclude=[host])
        healthy = list_healthy(context.cluster, members, exclude=[host])
        reason = explain_lost_quorum(members, healthy, old)
        if reason is not None:
            raise InputError(f"refused, nothing was changed: {reason}", field="HOST")
        return ["the other members have a quorum"]

    return Phase(f"Check that etcd keeps its quorum without {host}", plan, lambda: None)


def _make_removal_phase(context: OperationContext, host: str) -> Phase:
    def run() -> None:
        for member in _list_old(context, host):
            remove_member(context.cluster, member, exclude=[host])

    return Phase(
        f"Remove the member of {host}",
        lambda: [f"remove member {member.title} (id {member.id})" for member in _list_old(context, host)],
        run,
    )


def _make_erase_phase(context: OperationContext, host: str) -> Phase:
    cluster = context.cluster
    folder = f"{cluster.variables[host].etcd_data_dir}/member"

    def run() -> None:
        line = f"systemctl stop etcd; systemctl reset-failed etcd 2>/dev/null; rm -rf {shlex.quote(folder)}"
        run_command(cluster, host, line)
        replace(ReplaceProgress.read(context.memory), erased=True).store(context.memory)

    def plan() -> list[str]:
        erased = ReplaceProgress.read(context.memory).erased
        return [] if erased else [f"stop etcd on {host}, remove {folder}"]

    return Phase(f"Erase the data of {host}", plan, run)


def _make_join_phase(context: OperationContext, host: str) -> Phase:
    cluster = context.cluster

    def plan() -> list[str]:
        old = ReplaceProgress.read(context.memory).members
        own = [member for member in find_own(context, host) if member.id not in old]
        if own and not any(member.is_learner for member in own) and not find_etcd_problems(cluster, [host]):
            return []
        return [f"{host} joins as a learner, gets all data from the leader, and is promoted"]

    def run() -> None:
        context.run_playbook([host], tags=["etcd"])
        wait_for(lambda: find_etcd_problems(cluster, cluster.members("etcd")), _HEALTH_TIMEOUT)

    return Phase(f"Let {host} join again", plan, run)
