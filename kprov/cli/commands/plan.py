"""`kprov plan`: show what `kprov up` would change on each host."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kprov.cli.commands.up import NewCluster
from kprov.cli.options.output_files import check_writable
from kprov.cli.options.run_options import Offline, RunArguments, add_options
from kprov.cli.output.tables import Format, console, errors
from kprov.errors import InputError
from kprov.inventory import secrets

if TYPE_CHECKING:
    from kprov.operations.plan import Plan
    from kprov.playbook.results.changes import Change

#: A part of a line with its style.
Line = tuple[str, str]
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@add_options
def command(
    command_line: RunArguments,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="<table|json>", help="Output format.")
    ] = Format.TABLE.value,
    out: Annotated[
        Path | None, typer.Option("--out", help="Save the plan for `kprov up --plan FILE`.")
    ] = None,
    offline: Offline = None,
    new_cluster: NewCluster = False,
    summary: Annotated[bool, typer.Option("--summary", help="Do not show differences in files.")] = False,
) -> None:
    """Show what `kprov up` would change on which host, and change nothing."""
    from kprov.cli.output.progress import Progress
    from kprov.operations import plan as plans

    form, out = _choose_outputs(output, out)
    if command_line.report is not None:
        raise InputError("plan writes no report; use -o json or --out FILE", field="--report")
    command_line = command_line.with_export(offline)
    options = command_line.options(command="up")
    loaded = command_line.loaded()
    progress = Progress(quiet=True)
    try:
        plan = plans.make_plan(
            command_line.path,
            options,
            progress,
            lambda text: typer.echo(text, err=form is Format.JSON),
            new_cluster=new_cluster,
        )
    finally:
        progress.interrupted()
    if out is not None:
        plan.save(out)
    if form is Format.JSON:
        typer.echo(secrets.scrub(json.dumps(plan.document(), indent=2)))
    else:
        _print_plan(plan, loaded.members("etcd"), summary=summary)
        if out is not None:
            same = " with the same -e" if command_line.extra_vars else ""
            apply = shlex.join(["kprov", "up", "-i", str(command_line.path), "--plan", str(out)])
            console.print(f"Saved the plan in {out}. To apply it, run `{apply}`{same}", markup=False)
    if any(error["outcome"] == "unreachable" for error in plan.errors):
        raise typer.Exit(4)
    if plan.errors:
        raise typer.Exit(1)


def _choose_outputs(output: str, out: Path | None) -> tuple[Format, Path | None]:
    """Return the output format and the plan's file. The deprecated `-o FILE` still works, with a warning."""
    if output in tuple(Format):
        form = Format(output)
    elif out is not None:
        raise InputError(f"{output!r} is not table or json", field="--output")
    else:
        errors.print("warning: -o FILE is deprecated; use --out FILE", style="magenta", markup=False)
        form, out = Format.TABLE, Path(output)
    if out is not None:
        check_writable(out, field="--out")
    return form, out


def _print_plan(plan: Plan, members: list[str], *, summary: bool) -> None:
    """Print the changes by host, their effects, and failures."""
    for hosts, lines in render_blocks(plan, summary=summary):
        console.print(f"\n{', '.join(hosts)}", style="bold", markup=False)
        for text, style in lines:
            console.print(text, style=style, markup=False)
    _print_effects(plan, members)
    for error in plan.errors:
        console.print(f"{error['host']}: {error['task']}: {error['message']}", style="red", markup=False)


def render_blocks(plan: Plan, *, summary: bool) -> list[tuple[list[str], tuple[Line, ...]]]:
    """Render the changes as styled lines. Hosts with the same changes are grouped."""
    hosts_by_lines: dict[tuple[Line, ...], list[str]] = {}
    for host in plan.hosts:
        changes = [change for change in plan.changes if change.host == host]
        lines = tuple(line for change in changes for line in _change_lines(change, summary=summary))
        hosts_by_lines.setdefault(lines, []).append(host)
    return [(hosts, lines) for lines, hosts in hosts_by_lines.items()]


def _change_lines(change: Change, *, summary: bool) -> list[Line]:
    from kprov.cli.output.result_lines import diff_lines

    action = f" ({change.action})" if change.action else ""
    lines = [(f"  {change.kind:8} {change.what[:200]}{action}", "yellow")]
    if change.unforeseen:
        lines.append(("           depends on the changes before it", "dim"))
    if change.hidden:
        lines.append(("           hidden: no_log", "dim"))
    if not summary:
        lines += [
            (f"           {line}", _STYLES.get(line[:1], "")) for line in diff_lines({"diff": change.diff})
        ]
    return lines


def _print_effects(plan: Plan, members: list[str]) -> None:
    from kprov.operations.plan import describe_quorum

    console.print()
    if not plan.changes:
        console.print("Nothing would change: the hosts match the inventory")
        _print_unlisted_hosts(plan)
        return
    kinds: dict[str, int] = {}
    for change in plan.changes:
        kinds[change.kind] = kinds.get(change.kind, 0) + 1
    counted = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    console.print(f"{len(plan.changes)} changes on {len(plan.hosts)} hosts: {counted}", markup=False)
    restarts = plan.restarts()
    for service, hosts in restarts.items():
        console.print(f"restarts {service} on {', '.join(hosts)}", markup=False)
    lost = [error["host"] for error in plan.errors if error["outcome"] == "unreachable"]
    warning = describe_quorum(members, restarts.get("etcd", []), lost)
    if warning:
        console.print(warning, style="bold", markup=False)
    _print_unlisted_hosts(plan)


def _print_unlisted_hosts(plan: Plan) -> None:
    for host in plan.unlisted_hosts:
        text = f"{host.name} stays {host.kinds} of the cluster, but is not in {host.place}"
        console.print(text, style="bold", markup=False)
