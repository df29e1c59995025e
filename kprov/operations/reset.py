"""Removes the cluster from its hosts. Keys and certificates on the operator's machine stay."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from kprov.content.locations import PLAYBOOKS
from kprov.errors import InputError
from kprov.operations import offline
from kprov.operations.cluster import GROUPS, Cluster, open_cluster
from kprov.operations.forced_reset import Departure, leave_etcd, list_places, plan_departure
from kprov.operations.hooks import catch_failure, find_hooks, report_failure, run_hook
from kprov.operations.lost_cluster import forget_created
from kprov.operations.membership import Membership, read_membership
from kprov.operations.operation import OPERATIONS, lock_cluster
from kprov.operations.phases import PlaybookFailedError
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult


def find_hosts(inventory: Path, options: RunOptions) -> list[str]:
    """Return the hosts that a reset with these options would change. Connects to none."""
    with open_cluster(inventory, options) as cluster:
        return cluster.chosen()


class Agree(Protocol):
    """Asks for consent with the hosts and the consequences for other hosts; an exception ends the reset."""

    def __call__(self, hosts: Sequence[str], consequences: Sequence[str]) -> None: ...


def reset_hosts(
    inventory: Path,
    options: RunOptions,
    callbacks: Callbacks,
    agree: Agree,
    *,
    force: bool = False,
    without_quorum: bool = False,
) -> RunResult:
    """Stop and remove everything that `up` installed. Raises KprovError.

    `force`: also on hosts that are still in the cluster of the others; their members leave etcd first.
    `without_quorum`: also if etcd then loses its quorum.
    """
    with (
        open_cluster(inventory, options, callbacks) as cluster,
        nullcontext() if options.check else lock_cluster(cluster.artifacts),
    ):
        hooks = find_hooks(cluster.engine.inventory.directory, "reset", OPERATIONS)
        connect_hosts(cluster, cluster.members(*GROUPS))
        chosen, departure = cluster.chosen(), Departure()
        hosts = [host for host in chosen if host not in cluster.engine.unreachable_hosts]
        if options.limit:
            membership = read_membership(cluster)
            if not force:
                refuse_present(cluster, membership)
            departure = plan_departure(cluster, membership, hosts, without_quorum=without_quorum)
        agree(chosen, departure.consequences)
        with catch_failure(cluster, hooks, options, callbacks):
            if hooks.before is not None:
                run_hook(cluster, hooks.before, "reset", "before", options)
            if not options.check:
                leave_etcd(cluster, departure, hosts)
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
    present = {
        host: ["a member of etcd"] * bool(members) + ["a node"] * is_node
        for host, (members, is_node) in places.items()
        if members or is_node
    }
    if not present:
        return
    described = ", ".join(f"{host} ({' and '.join(roles)})" for host, roles in present.items())
    names = " ".join(present)
    text = (
        f"still in the cluster of {', '.join(others)}: {described}. `kprov node remove {names}` takes "
        f"{'it' if len(present) == 1 else 'them'} out first. --force only takes members out of etcd, "
        "and resets"
    )
    raise InputError(text, field="--limit")
