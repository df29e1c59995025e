"""`kprov up`: from bare hosts to a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from kprov.cli import run_options as given
from kprov.cli.output import console, table

if TYPE_CHECKING:
    from kprov.operations.up import UpResult


def command(
    inventory: given.Inventory,
    check: given.Check = False,
    diff: given.Diff = False,
    limit: given.Limit = None,
    tags: given.Tags = "all",
    skip_tags: given.SkipTags = "",
    forks: given.Forks = 20,
    start_at_task: given.StartAt = None,
    extra_vars: given.ExtraVars = None,
    report: given.Report = None,
    verbose: given.Verbose = False,
) -> None:
    """Make the cluster that the inventory describes, or bring it back to that; again it changes nothing."""
    from kprov.cli.progress import Progress
    from kprov.operations.up import up
    from kprov.playbook.result import RunOptions

    options = RunOptions(
        check=check,
        diff=diff,
        forks=forks,
        limit=limit,
        tags=given.split(tags),
        skip_tags=given.split(skip_tags),
        start_at_task=start_at_task,
        extra_vars=given.extra_vars(extra_vars),
    )
    result = up(inventory, options, Progress(diff=diff, verbose=verbose), typer.echo)
    if report is not None:
        report.write_text(json.dumps(result.report(), indent=2) + "\n")
    show(result, check=check)
    if not result.run.ok:
        raise typer.Exit(result.run.exit_code)


def show(result: UpResult, *, check: bool) -> None:
    """A row a host, the slowest tasks, the steps' seconds, and what to do next."""
    run = result.run
    console.print()
    table(
        ("HOST", "OK", "CHANGED", "FAILED", "UNREACHABLE"),
        [
            (
                name,
                str(stats.ok + stats.changed),
                str(stats.changed),
                str(stats.failed),
                str(stats.unreachable),
            )
            for name, stats in run.hosts.items()
        ],
    )
    for error in run.errors:
        console.print(f"{error['host']}: {error['task']}: {error['message']}", style="red", markup=False)
    if result.changed:
        slowest = sorted(run.tasks, key=lambda task: -task.seconds)[:5]
        console.print(
            "\nslowest tasks: " + ", ".join(f"{t.name} {t.seconds:.1f} s" for t in slowest), markup=False
        )
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.seconds.items())
    console.print(f"{took}", style="dim", markup=False)
    if not run.ok:
        return
    if check:
        console.print(f"{run.changed} changes would be made" if run.changed else "Nothing would change")
    elif result.changed:
        console.print(f"{run.changed} changes made")
    else:
        console.print("Nothing changed: the hosts are as the inventory describes them")
    if not check:
        console.print(f"kubeconfig: {result.kubeconfig}", markup=False)
