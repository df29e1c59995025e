"""Back to bare hosts; keys and certificates on the operator's machine stay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kprov.operations.cluster import GROUPS, PLAYBOOKS, opened, reach
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult


def hosts(inventory: Path, options: RunOptions) -> list[str]:
    """Hosts that a reset with these options would empty."""
    with opened(inventory, options) as cluster:
        return cluster.chosen()


def reset(inventory: Path, options: RunOptions, callbacks: Callbacks) -> RunResult:
    """Stop and remove all that `up` brought. Raises KprovError."""
    with opened(inventory, options, callbacks) as cluster:
        reach(cluster, cluster.members(*GROUPS))
        cluster.engine.options = replace(
            options, command="reset", journal=options.journal or cluster.artifacts / "journal"
        )
        return cluster.engine.run(PLAYBOOKS / "reset.yml")
