"""Removes the cluster from its hosts. Keys and certificates on the operator's machine stay."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from kprov.content.locations import PLAYBOOKS
from kprov.errors import InputError
from kprov.operations import offline
from kprov.operations.cluster import GROUPS, Cluster, open_cluster
from kprov.operations.etcd_members import find_members
from kprov.operations.hooks import catch_failure, find_hooks, report_failure, run_hook
from kprov.operations.lost_cluster import forget_created
from kprov.operations.membership import Membership, read_membership
from kprov.operations.operation import OPERATIONS, lock_cluster
from kprov.operations.phases import PlaybookFailedError
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult


def find_hosts(inventory: Path, options: RunOptions) -> list[str]:
    """Return the hosts that a reset with these options would change."""
    with open_cluster(inventory, options) as cluster:
        return cluster.chosen()


def reset_hosts(
    inventory: Path, options: RunOptions, callbacks: Callbacks, *, force: bool = False
) -> RunResult:
    """Stop and remove everything that `up` installed. Raises KprovError.

    `force`: also on hosts that are still in the cluster of the others.
    """
    with (
        open_cluster(inventory, options, callbacks) as cluster,
        nullcontext() if options.check else lock_cluster(cluster.artifacts),
    ):
        hooks = find_hooks(cluster.engine.inventory.directory, "reset", OPERATIONS)
        connect_hosts(cluster, cluster.members(*GROUPS))
        if options.limit and not force:
            refuse_present(cluster, read_membership(cluster))
        with catch_failure(cluster, hooks, options, callbacks):
            if hooks.before is not None:
                run_hook(cluster, hooks.before, "reset", "before", options)
            cluster.engine.options = replace(
                options, command="reset", journal=options.journal or cluster.artifacts / "journal"
            )
            result = cluster.engine.run(PLAYBOOKS / "reset.yml")
            if not result.ok:
                report_failure(cluster, hooks, options, callbacks, str(PlaybookFailedError(result)))
            elif not options.check and not options.limit:
                offline.forget_export(cluster.artifacts)
                forget_created(cluster.artifacts)
            if hooks.after is not None and result.ok:
                run_hook(cluster, hooks.after, "reset", "after", options)
        return result


def refuse_present(cluster: Cluster, membership: Membership) -> None:
    """Raise InputError if chosen hosts are still in the cluster of the other hosts.

    Without a quorum or an API server nobody knows, and the hosts are reset.
    """
    chosen = cluster.chosen()
    others = [host for host in cluster.members(*GROUPS) if host not in chosen]
    if not others:
        return
    places = {host: list_places(cluster, membership, host) for host in chosen}
    present = {host: found for host, found in places.items() if found}
    if not present:
        return
    described = ", ".join(f"{host} ({' and '.join(found)})" for host, found in present.items())
    names = " ".join(present)
    text = (
        f"still in the cluster of {', '.join(others)}: {described}. `kprov node remove {names}` takes "
        f"{'it' if len(present) == 1 else 'them'} out first. --force resets without that"
    )
    raise InputError(text, field="--limit")


def list_places(cluster: Cluster, membership: Membership, host: str) -> list[str]:
    """Return what a host certainly is in the cluster: a member of etcd, a node."""
    members = find_members(
        membership.members or [], name=cluster.member_name(host), address=cluster.address(host)
    )
    places = ["a member of etcd"] if members and "etcd" in cluster.engine.inventory.group_names(host) else []
    return places + (["a node"] if cluster.node_name(host) in (membership.nodes or ()) else [])
