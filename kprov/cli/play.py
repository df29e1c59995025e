"""`kprov play`: any playbook on any inventory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli import run_options as given
from kprov.cli.output import console, table


def command(
    playbook: Annotated[Path, typer.Argument(help="A playbook.")],
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
    """Run a playbook, as ansible-playbook would."""
    from kprov.cli.progress import Progress
    from kprov.inventory.load import load
    from kprov.playbook.engine import Engine
    from kprov.playbook.result import RunOptions

    loaded = load(inventory)
    options = RunOptions(
        check=check,
        diff=diff,
        forks=forks,
        limit=limit,
        tags=given.split(tags),
        skip_tags=given.split(skip_tags),
        start_at_task=start_at_task,
        extra_vars=given.extra_vars(extra_vars),
        journal=loaded.directory / "artifacts" / "journal",
    )
    with Engine(loaded, options, Progress(diff=diff, verbose=verbose)) as engine:
        result = engine.run(playbook)
    if report is not None:
        report.write_text(json.dumps(result.report(), indent=2) + "\n")
    console.print()
    table(
        ("HOST", "OK", "CHANGED", "SKIPPED", "FAILED", "UNREACHABLE"),
        [
            (n, str(s.ok + s.changed), str(s.changed), str(s.skipped), str(s.failed), str(s.unreachable))
            for n, s in result.hosts.items()
        ],
    )
    raise typer.Exit(result.exit_code)
