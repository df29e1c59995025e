"""Runs the disruptions of `kprov verify --disrupt`: asks, shows progress, prints a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer

from kprov.cli.options.run_options import HostOptions
from kprov.cli.output.confirmation import confirm
from kprov.cli.output.tables import Format, console, errors, print_table
from kprov.cli.output.unreachable import exit_if_unreachable, find_lost_hosts
from kprov.cli.output.warnings import WarningPrinter
from kprov.errors import InputError

if TYPE_CHECKING:
    from kprov.operations.disruption.run import DisruptionResult

_QUESTION = (
    "This kills etcd's leader, an API server, a load balancer, a scheduler and a controller manager, "
    "and then resets a whole host without a shutdown. Its pods are lost. Continue?"
)


def run_disruptions(
    command_line: HostOptions,
    budget_texts: Sequence[str],
    *,
    output: Format,
    wait: float,
    confirmed: bool,
    print_checks: Callable[[list[Any]], None],
) -> None:
    """Verify the cluster, disrupt it, and print what each disruption did. Exit with 1 if one failed.

    `print_checks` prints the results of the checks if the cluster is not healthy.
    """
    from kprov.operations.disruption.run import disrupt_cluster
    from kprov.operations.disruption.targets import read_budgets
    from kprov.operations.verify import verify_cluster

    budgets = read_budgets(budget_texts)
    if command_line.limit:
        raise InputError("a disruption concerns the whole cluster; leave --limit out", field="--limit")
    command_line.unlock()
    options = command_line.host_options()
    if not confirmed:
        confirm(_QUESTION, err=True)
    checks = verify_cluster(command_line.path, options, WarningPrinter(), probe=False, wait=wait)
    if any(not result.ok for result in checks):
        errors.print("The cluster is not healthy: nothing was disrupted", style="red")
        print_checks(checks)
        exit_if_unreachable(find_lost_hosts(checks), named=True)
        raise typer.Exit(1)
    # Progress must not mix with the JSON document.
    progress = errors if output is Format.JSON else console
    results = []
    for result in disrupt_cluster(
        command_line.path, budgets, options, WarningPrinter(), lambda text: progress.print(text, markup=False)
    ):
        progress.print(f"  {_describe(result)}", markup=False, style="dim" if result.ok else "red")
        results.append(result)
    ok = all(result.ok for result in results)
    if output is Format.JSON:
        typer.echo(json.dumps({"ok": ok, "disruptions": [result.as_dict() for result in results]}, indent=2))
    else:
        console.print()
        print_disruptions(results)
    if not ok:
        raise typer.Exit(1)


def print_disruptions(results: Sequence[DisruptionResult]) -> None:
    """Print a row for each disruption."""
    head = ("KILLED", "HOST", "", "GAP", "BUDGET", "READS", "WRITES", "LEASE", "RECOVERED", "DETAIL")
    print_table(head, [_make_row(result) for result in results])


def _make_row(result: DisruptionResult) -> tuple[str, ...]:
    status = {"failed": "FAILED"}.get(result.state, result.state)
    if result.state == "skipped":
        return (result.name, result.host, status, "", f"{result.budget:g} s", "", "", "", "", result.detail)
    lost = f"{result.lost_writes} acknowledged writes lost" if result.lost_writes else ""
    numbers: list[Any] = [result.read_gap, result.write_gap, result.lease_gap or None, result.recovered]
    return (
        result.name,
        result.host,
        status,
        f"{result.gap:.1f} s",
        f"{result.budget:g} s",
        *("" if number is None else f"{number:.1f} s" for number in numbers),
        result.detail or lost,
    )


def _describe(result: DisruptionResult) -> str:
    if result.state == "skipped":
        return f"{result.title} on {result.host}: skipped: {result.detail}"
    return result.detail or (
        f"gap {result.gap:.1f} s on {result.measured_on} (budget {result.budget:g} s), "
        f"healthy again after {result.recovered:.0f} s"
    )
