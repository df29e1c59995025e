"""`kprov plan`: what `kprov up` would do, host by host."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kprov.cli.output import console
from kprov.cli.run_options import Given, takes_run

if TYPE_CHECKING:
    from kprov.operations.plan import Plan
    from kprov.playbook.changes import Change

#: A text and its style.
Line = tuple[str, str]
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


@takes_run
def command(
    given: Given,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Save the plan for `kprov up --plan FILE`.")
    ] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Leave out the differences in files.")] = False,
) -> None:
    """Say what `kprov up` would change on which host, and change nothing."""
    from kprov.cli.progress import Progress
    from kprov.operations import plan as plans

    loaded = given.loaded()
    progress = Progress(quiet=True)
    try:
        plan = plans.make(given.path, given.options(command="up"), progress, typer.echo)
    finally:
        progress.interrupted()
    for hosts, lines in blocks(plan, summary=summary):
        console.print(f"\n{', '.join(hosts)}", style="bold", markup=False)
        for text, style in lines:
            console.print(text, style=style, markup=False)
    _effects(plan, loaded.members("etcd"))
    for error in plan.errors:
        console.print(f"{error['host']}: {error['task']}: {error['message']}", style="red", markup=False)
    if output is not None:
        plan.save(output)
        same = ", with the same -e," if given.extra_vars else ""
        command = shlex.join(["kprov", "up", "-i", str(given.path), "--plan", str(output)])
        console.print(f"Saved; `{command}`{same} does exactly this", markup=False)
    if any(error["outcome"] == "unreachable" for error in plan.errors):
        raise typer.Exit(4)
    if plan.errors:
        raise typer.Exit(1)


def blocks(plan: Plan, *, summary: bool) -> list[tuple[list[str], tuple[Line, ...]]]:
    """What would change, in lines with their styles; hosts that would change alike stand together."""
    found: dict[tuple[Line, ...], list[str]] = {}
    for host in plan.hosts:
        changes = [one for one in plan.changes if one.host == host]
        lines = tuple(line for one in changes for line in _lines(one, summary=summary))
        found.setdefault(lines, []).append(host)
    return [(hosts, lines) for lines, hosts in found.items()]


def _lines(change: Change, *, summary: bool) -> list[Line]:
    from kprov.cli.diffs import diff_lines

    action = f" ({change.action})" if change.action else ""
    lines = [(f"  {change.kind:8} {change.what[:200]}{action}", "yellow")]
    if change.unforeseen:
        lines.append(("           known only when the changes before it are made", "dim"))
    if change.hidden:
        lines.append(("           hidden: no_log", "dim"))
    if not summary:
        lines += [
            (f"           {line}", _STYLES.get(line[:1], "")) for line in diff_lines({"diff": change.diff})
        ]
    return lines


def _effects(plan: Plan, members: list[str]) -> None:
    from kprov.operations.plan import quorum

    console.print()
    if not plan.changes:
        console.print("Nothing would change: the hosts are as the inventory describes them")
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
    said = quorum(members, restarts.get("etcd", []), lost)
    if said:
        console.print(said, style="bold", markup=False)
