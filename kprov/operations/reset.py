"""Removes the cluster from its hosts. Keys and certificates on the operator's machine stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kprov.operations.cluster import GROUPS, PLAYBOOKS, connect_hosts, open_cluster
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult


def find_hosts(inventory: Path, options: RunOptions) -> list[str]:
    """Return the hosts that a reset with these options would change."""
    with open_cluster(inventory, options) as cluster:
        return cluster.chosen()


def reset_hosts(inventory: Path, options: RunOptions, callbacks: Callbacks) -> RunResult:
    """Stop and remove everything that `up` installed. Raises KprovError."""
    with open_cluster(inventory, options, callbacks) as cluster:
        connect_hosts(cluster, cluster.members(*GROUPS))
        cluster.engine.options = replace(
            options, command="reset", journal=options.journal or cluster.artifacts / "journal"
        )
        return cluster.engine.run(PLAYBOOKS / "reset.yml")
