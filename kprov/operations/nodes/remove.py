"""`kprov node remove`: take hosts out of the cluster, and reset them.

Arguments: hosts (of the inventory, or names of nodes and members that left it), those of drain, and
unreachable (also remove hosts that do not answer, without a reset), and without_fault_tolerance (also leave
etcd with so few members that none may fail).
The hosts are still in the inventory: every phase works as if they were not. The user deletes them afterwards.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence

from kprov.content.locations import PLAYBOOKS
from kprov.errors import InputError, NoAnswerError, PreflightError
from kprov.operations.cluster import GROUPS, Cluster
from kprov.operations.etcd_members import (
    count_tolerated,
    list_healthy,
    list_members,
    remove_member,
    require_quorum,
)
from kprov.operations.membership import connect_cluster
from kprov.operations.nodes.drain import make_drain_phase, require_controllers
from kprov.operations.nodes.progress import RemovalProgress
from kprov.operations.nodes.remaining_hosts import make_remaining_hosts_phase
from kprov.operations.nodes.state import (
    Target,
    answers,
    find_node,
    find_target_members,
    has_remains,
    is_ready,
    make_target,
    require_in_cluster,
)
from kprov.operations.phases import OperationContext, Phase
from kprov.operations.remote import run_kubectl

_RESET_PLAYBOOK = PLAYBOOKS / "reset.yml"


def list_phases(context: OperationContext) -> list[Phase]:
    """Drain, update the others, leave etcd, reset, delete the nodes."""
    cluster = context.cluster
    connect_cluster(context, context.arguments["hosts"])
    targets = [make_target(cluster, name) for name in dict.fromkeys(context.arguments["hosts"])]
    hosts = [target.host for target in targets if target.is_known]
    check_remaining(cluster, hosts)
    check_reachable(context, hosts)
    started = RemovalProgress.read(context.memory).targets
    for target in targets:
        if target.name not in started:
            require_in_cluster(cluster, target)
            check_stopped(context, target)
    if not started:
        check_quorum(context, targets)
        check_tolerance(context, targets)
    require_controllers(context, list_drained(cluster, targets))
    RemovalProgress(tuple(target.name for target in targets)).store(context.memory)
    phases = [Phase("Check that etcd keeps its quorum", lambda: check_quorum(context, targets), lambda: None)]
    phases += [make_leave_phase(context, target) for target in targets]
    phases.append(make_remaining_hosts_phase(context, [target.name for target in targets], gone=True))
    phases += [make_member_phase(context, target, hosts) for target in targets]
    phases += [make_reset_phase(context, host) for host in hosts]
    phases += [make_node_phase(context, target, hosts) for target in targets]
    phases += [make_keys_phase(context, target) for target in targets]
    return phases


def check_remaining(cluster: Cluster, hosts: Sequence[str]) -> None:
    """Raise InputError if the inventory without these hosts would not be a cluster's."""
    for group in GROUPS:
        remaining = [host for host in cluster.members(group) if host not in hosts]
        if not remaining:
            raise InputError(
                f"{group} would have no host left; `kprov reset` removes a cluster", field="HOST"
            )


def check_tolerance(context: OperationContext, targets: Sequence[Target]) -> None:
    """Raise InputError if etcd would tolerate fewer failures than a cluster should, by etcd's own list."""
    members = [member for member in list_members(context.cluster) if not member.is_learner]
    leaving = {member.id for target in targets for member in find_target_members(context.cluster, target)}
    accepted = bool(context.arguments.get("without_fault_tolerance"))
    problem = find_lost_tolerance(
        [member.title for member in members],
        [member.title for member in members if member.id in leaving],
        accepted=accepted,
    )
    if problem:
        raise InputError(f"refused, nothing was changed: {problem}", field="HOST")


def find_lost_tolerance(members: Sequence[str], leaving: Sequence[str], *, accepted: bool) -> str:
    """Return why these members of etcd should not leave; empty if they may.

    `accepted`: the user accepts that no member may fail afterwards.
    """
    remaining = [name for name in members if name not in leaving]
    if not leaving or not remaining:
        return ""
    count, before = len(remaining), count_tolerated(len(members))
    if count % 2 == 0 and len(leaving) % 2:
        return (
            f"etcd would have {count} members ({', '.join(remaining)}), which tolerate no more "
            f"failures than {count - 1}: remove an even number of its hosts, add a host first, "
            "or exchange a broken host with `kprov node replace`"
        )
    if before and not count_tolerated(count) and not accepted:
        return (
            f"etcd would have {count} of {len(members)} members ({', '.join(remaining)}), and the cluster "
            f"would not survive the failure of one, where it tolerates {before} now. Add hosts first, or "
            "accept that with --without-fault-tolerance"
        )
    return ""


def check_reachable(context: OperationContext, hosts: Sequence[str]) -> None:
    """Raise NoAnswerError for a host that does not answer, unless the user says that it is dead."""
    for host in hosts:
        reason = context.cluster.engine.unreachable_hosts.get(host)
        if reason is None:
            continue
        if not context.arguments.get("unreachable"):
            raise NoAnswerError(
                host,
                f"does not answer ({reason}), so its pods may still run. Switch it off, then repeat with "
                "--unreachable, which removes it without a reset",
            )
        context.callbacks.warning(
            f"{host} does not answer and is not reset: erase its disk before it is switched on again"
        )


def check_stopped(context: OperationContext, target: Target) -> None:
    """Raise PreflightError for a host that runs and that the inventory lacks, so that it cannot be reset."""
    if target.is_known:
        return
    cluster = context.cluster
    node = find_node(cluster, target.node)
    members = find_target_members(cluster, target)
    runs = (node is not None and is_ready(node)) or list_healthy(cluster, members)
    if runs and not context.arguments.get("unreachable"):
        raise PreflightError(
            target.name,
            "still runs, and cannot be reset because the inventory does not have it: add it to the inventory "
            "again and repeat, or switch it off and repeat with --unreachable",
        )
    context.callbacks.warning(
        f"{target.name} is not in the inventory, so it is not reset: erase its disk before it is switched on "
        "again"
    )


def check_quorum(context: OperationContext, targets: Sequence[Target]) -> list[str]:
    """Return what happens to etcd. Raises InputError, with the reason, if it would lose its quorum."""
    cluster = context.cluster
    members = list_members(cluster)
    leaving = [member for target in targets for member in find_target_members(cluster, target)]
    if not leaving:
        return []
    require_quorum(members, list_healthy(cluster, members), {member.id for member in leaving})
    voters = len([member for member in members if not member.is_learner])
    left = voters - len([member for member in leaving if not member.is_learner])
    before, after = count_tolerated(voters), count_tolerated(left)
    lost = f", which tolerate {after} failures instead of {before}" if after < before else ""
    return [f"etcd will have {left} of {voters} members{lost}"]


def list_drained(cluster: Cluster, targets: Sequence[Target]) -> list[str]:
    """Return the names of the targets' nodes whose kubelet works; pods on others cannot end.

    A node is Ready for about 40 s after its host has died.
    """
    dead = cluster.engine.unreachable_hosts
    nodes = {target.node: find_node(cluster, target.node) for target in targets if target.host not in dead}
    return [name for name, node in nodes.items() if node is not None and is_ready(node)]


def make_leave_phase(context: OperationContext, target: Target) -> Phase:
    """Return the phase that drains the target's node if its kubelet works."""
    drain = make_drain_phase(context, target.name, target.node)

    def plan() -> list[str]:
        return list(drain.plan()) if list_drained(context.cluster, [target]) else []

    return Phase(drain.title, plan, drain.run)


def make_member_phase(context: OperationContext, target: Target, hosts: Sequence[str] = ()) -> Phase:
    """Return the phase that removes the target's members of etcd. The members of `hosts` are not asked."""
    cluster = context.cluster

    def plan() -> list[str]:
        members = find_target_members(cluster, target, exclude=hosts)
        return [f"remove member {member.title} ({member.address})" for member in members]

    def run() -> None:
        for member in find_target_members(cluster, target, exclude=hosts):
            remove_member(cluster, member, exclude=hosts)

    return Phase(f"Take {target.name} out of etcd", plan, run)


def make_reset_phase(context: OperationContext, host: str) -> Phase:
    """Return the phase that removes everything from a host that answers."""
    cluster = context.cluster

    def plan() -> list[str]:
        if not answers(cluster, host) or not has_remains(cluster, host):
            return []
        return [f"stop and remove all components, packages and data of the cluster on {host}"]

    def run(*, check: bool = False) -> None:
        context.run_playbook([host], playbook=_RESET_PLAYBOOK, check=check)

    return Phase(f"Reset {host}", plan, run, lambda: run(check=True))


def make_node_phase(context: OperationContext, target: Target, hosts: Sequence[str] = ()) -> Phase:
    """Return the phase that deletes the target's node, and with it the pods that it still has."""
    cluster = context.cluster

    def plan() -> list[str]:
        node = find_node(cluster, target.node, exclude=hosts)
        if node is None:
            return []
        return [f"delete node {target.node}{'' if is_ready(node) else ', whose kubelet does not answer'}"]

    def run() -> None:
        run_kubectl(cluster, f"delete node {shlex.quote(target.node)} --ignore-not-found", exclude=hosts)

    return Phase(f"Delete the node of {target.name}", plan, run)


def make_keys_phase(context: OperationContext, target: Target) -> Phase:
    """Return the phase that deletes the target's keys on this machine, and says what the user has to do."""
    folder = context.cluster.artifacts / "pki" / "hosts" / target.name

    def plan() -> list[str]:
        return [f"delete {folder}"] if folder.exists() else []

    def run() -> None:
        shutil.rmtree(folder)
        if target.is_known:
            places = context.cluster.engine.inventory.hosts[target.host].places
            lines = ", ".join(f"{file}:{line}" for file, line in places if line is not None)
            context.say(
                f"  now delete {target.host} from the inventory ({lines}); otherwise `kprov up` adds it again"
            )

    return Phase(f"Delete the keys of {target.name}", plan, run)
