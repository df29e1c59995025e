"""Removes the cluster from its hosts. Keys and certificates on the operator's machine stay."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from kprov.content.locations import PLAYBOOKS
from kprov.operations import offline
from kprov.operations.cluster import GROUPS, open_cluster
from kprov.operations.hooks import catch_failure, find_hooks, report_failure, run_hook
from kprov.operations.lost_cluster import forget_created
from kprov.operations.operation import OPERATIONS, lock_cluster
from kprov.operations.phases import PlaybookFailedError
from kprov.operations.unreachable_hosts import connect_hosts
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult


def find_hosts(inventory: Path, options: RunOptions) -> list[str]:
    """Return the hosts that a reset with these options would change."""
    with open_cluster(inventory, options) as cluster:
        return cluster.chosen()


def reset_hosts(inventory: Path, options: RunOptions, callbacks: Callbacks) -> RunResult:
    """Stop and remove everything that `up` installed. Raises KprovError."""
    with (
        open_cluster(inventory, options, callbacks) as cluster,
        nullcontext() if options.check else lock_cluster(cluster.artifacts),
    ):
        hooks = find_hooks(cluster.engine.inventory.directory, "reset", OPERATIONS)
        connect_hosts(cluster, cluster.members(*GROUPS))
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
