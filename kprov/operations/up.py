"""Installs or updates a cluster: the steps in their order."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kprov.content.locations import CONTENT
from kprov.inventory.cluster import variable_effects
from kprov.operations.cluster import CLUSTER_PLAYBOOK, Say, open_cluster
from kprov.operations.hooks import catch_failure, find_hooks, report_failure, run_hook
from kprov.operations.lost_cluster import mark_created
from kprov.operations.operation import OPERATIONS, describe_unfinished, find_unfinished, lock_cluster
from kprov.operations.phases import PlaybookFailedError
from kprov.operations.preparation import prepare_cluster
from kprov.operations.unlisted_hosts import UnlistedHost
from kprov.playbook.loading import playbook_loader
from kprov.playbook.results.run_result import Callbacks, RunOptions, RunResult


@dataclass
class UpResult:
    """The result of a run: the playbook's result, written certificates, and seconds by step.

    `unlisted_hosts` are hosts of the cluster that the inventory does not have.
    """

    kubeconfig: Path
    run: RunResult = field(default_factory=RunResult)
    certificates: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    unlisted_hosts: list[UnlistedHost] = field(default_factory=list)

    @property
    def changed(self) -> bool:
        """Whether anything changed, on this machine or on a host."""
        return bool(self.run.changed or self.certificates)

    def report(self) -> dict[str, Any]:
        """Return the playbook's report and the steps as a JSON document."""
        return self.run.to_json() | {
            "kubeconfig": str(self.kubeconfig),
            "certificates": self.certificates,
            "steps": self.seconds,
        }


def install_cluster(
    inventory: Path,
    options: RunOptions,
    callbacks: Callbacks,
    say: Say,
    ignore: Collection[str] = (),
    *,
    new_cluster: bool = False,
) -> UpResult:
    """Validate, reach, check the hosts, issue certificates, build the bundle, provision. Raises KprovError.

    `ignore` are names of preflight checks. A check also works beside an operation. `new_cluster`: create an
    empty cluster also where one existed whose hosts have lost it.
    """
    started = time.monotonic()
    # A check changes nothing. A task may then fail only because an earlier change is missing:
    # treat such failures as a plan does.
    options = replace(options, plan=options.check)
    with (
        open_cluster(inventory, options, callbacks) as cluster,
        nullcontext() if options.check else lock_cluster(cluster.artifacts),
    ):
        result = UpResult(cluster.artifacts / "admin.conf")
        hooks = find_hooks(cluster.engine.inventory.directory, "up", OPERATIONS)

        def step(name: str) -> None:
            nonlocal started
            result.seconds[name] = round(time.monotonic() - started, 2)
            started = time.monotonic()

        for text in variable_effects.list_warnings(
            variable_effects.find_effects(cluster.engine.inventory, CONTENT), str(inventory)
        ):
            callbacks.warning(text)
        unfinished = find_unfinished(cluster.artifacts / "journal")
        if unfinished is not None:
            callbacks.warning(f"{describe_unfinished(unfinished)}: continue it with `kprov resume`")
        if options.tags != ("all",) or options.skip_tags:
            cluster.engine.check_selection(playbook_loader.load_playbook(CLUSTER_PLAYBOOK))
        cluster.engine.preload(CLUSTER_PLAYBOOK)
        prepared = prepare_cluster(cluster, say, ignore, step, refuse_lost=not new_cluster)
        result.unlisted_hosts, result.certificates = prepared.unlisted_hosts, prepared.certificates
        with catch_failure(cluster, hooks, options, callbacks):
            # The journal to resume begins after the first hook.
            if hooks.before is not None and options.resume is None:
                run_hook(cluster, hooks.before, "up", "before", options)
                step("hook before")
            cluster.engine.options = replace(
                options, journal=options.journal or cluster.artifacts / "journal"
            )
            result.run = cluster.engine.run(CLUSTER_PLAYBOOK)
            step("provision")
            if result.run.ok and not options.check and not options.limit and options.tags == ("all",):
                mark_created(cluster.artifacts)
            if not result.run.ok:
                report_failure(cluster, hooks, options, callbacks, str(PlaybookFailedError(result.run)))
            elif hooks.after is not None:
                run_hook(cluster, hooks.after, "up", "after", options)
                step("hook after")
        return result
