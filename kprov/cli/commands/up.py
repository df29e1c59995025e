"""`kprov up`: create or update a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kprov.cli.commands.play import ListHosts, ListTags, ListTasks, SyntaxCheck
from kprov.cli.options.preflight_options import Ignore, split_checks
from kprov.cli.options.run_options import Offline, RunArguments, add_options
from kprov.cli.output.tables import console

if TYPE_CHECKING:
    from kprov.operations.up import UpResult

Plan = Annotated[
    Path | None,
    typer.Option("--plan", help="Apply a saved plan. Refuse if anything changed since it was made."),
]


NewCluster = Annotated[
    bool,
    typer.Option("--new-cluster", help="Create an empty cluster although another one had these hosts."),
]


@add_options
def command(
    command_line: RunArguments,
    plan: Plan = None,
    offline: Offline = None,
    ignore: Ignore = None,
    new_cluster: NewCluster = False,
    list_hosts: ListHosts = False,
    list_tasks: ListTasks = False,
    list_tags: ListTags = False,
    syntax_check: SyntaxCheck = False,
) -> None:
    """Create the cluster that the inventory describes, or update it. Changes nothing that already matches."""
    command_line = command_line.with_export(offline)
    if list_hosts or list_tasks or list_tags or syntax_check:
        _list_playbook(
            command_line, hosts=list_hosts, tasks=list_tasks, tags=list_tags, includes=syntax_check
        )
    elif plan is not None:
        _apply_plan(command_line, plan, ignore, new_cluster=new_cluster)
    else:
        run_up(command_line, ignore=ignore, new_cluster=new_cluster)


def run_up(
    command_line: RunArguments,
    resume: Path | None = None,
    ignore: list[str] | None = None,
    *,
    new_cluster: bool = False,
) -> None:
    """Run `up` and exit with the run's exit code if it failed."""
    from kprov.cli.output import run_output
    from kprov.operations.up import install_cluster
    from kprov.playbook.running.engine import resume_options

    command_line.unlock()
    options = command_line.options(command="up")
    if resume is not None:
        options = resume_options(options, resume)
    with run_output.show_run(command_line) as watch:
        result = install_cluster(
            command_line.path,
            options,
            watch.callbacks,
            typer.echo,
            split_checks(ignore),
            new_cluster=new_cluster,
        )
        watch.finish(result.run)
    print_result(result, check=command_line.check)
    if not result.run.ok:
        raise typer.Exit(result.run.exit_code)


def _list_playbook(
    command_line: RunArguments, *, hosts: bool, tasks: bool, tags: bool, includes: bool
) -> None:
    from kprov.cli.output import playbook_listing
    from kprov.content.locations import PLAYBOOKS
    from kprov.playbook.running.engine import Engine

    with Engine(command_line.loaded(), command_line.options()) as engine:
        playbook_listing.print_listing(
            engine, [PLAYBOOKS / "cluster.yml"], hosts=hosts, tasks=tasks, tags=tags, includes=includes
        )


def _apply_plan(
    command_line: RunArguments, path: Path, ignore: list[str] | None, *, new_cluster: bool
) -> None:
    from kprov.cli.output import run_output
    from kprov.operations import plan as plans

    command_line.unlock()
    plan = plans.load_plan(path)
    with run_output.show_run(command_line) as watch:
        result, more = plans.apply_plan(
            plan,
            command_line.path,
            command_line.options(command="up"),
            watch.callbacks,
            typer.echo,
            split_checks(ignore),
            new_cluster=new_cluster,
        )
        watch.finish(result.run)
    print_result(result, check=False)
    for change in more:
        console.print(
            f"not in the plan: {change.host}: {change.task}: {change.what}", style="red", markup=False
        )
    if not result.run.ok or more:
        raise typer.Exit(result.run.exit_code or 1)


def print_result(result: UpResult, *, check: bool) -> None:
    """Print the seconds of each step, and what to do next."""
    run = result.run
    took = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in result.seconds.items())
    console.print(f"{took}; {sum(result.seconds.values()):.1f} s in all", style="dim", markup=False)
    if not run.ok:
        return
    if check:
        console.print(f"{len(run.changes)} changes would be made" if run.changes else "Nothing would change")
    elif result.changed:
        # The same count as that of a plan: each item of a loop is a change.
        console.print(f"{len(run.changes)} changes made")
    else:
        console.print("Nothing changed: the hosts match the inventory")
    if not check:
        console.print(f"kubeconfig: {result.kubeconfig}", markup=False)
