"""`kprov preflight`: check whether the hosts can become a cluster; print a table or JSON."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kprov.cli.options.preflight_options import Ignore, split_checks
from kprov.cli.options.run_options import HostOptions, add_options
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.cli.output.unreachable import exit_if_unreachable
from kprov.cli.output.warnings import WarningPrinter

if TYPE_CHECKING:
    from kprov.preflight.model import Result

List = Annotated[bool, typer.Option("--list", help="Show the checks, and connect to no host.")]
ShowAll = Annotated[bool, typer.Option("--all", help="Show every check, not only problems.")]
_WORDS = {"error": "FAILED", "warning": "warning", "info": "info", "ok": "ok", "skipped": "skipped"}


@add_options
def command(
    command_line: HostOptions,
    ignore: Ignore = None,
    output: FormatOption = Format.TABLE,
    list_checks: List = False,
    show_all: ShowAll = False,
) -> None:
    """Check all hosts of an inventory and change nothing. Exit with 1 for an error, 4 for a lost host."""
    from kprov.operations.preflight import preflight_inventory
    from kprov.preflight.check_table import REACHABLE

    command_line.unlock()
    names = split_checks(ignore)
    if list_checks:
        _print_checks(output)
        return
    results = preflight_inventory(command_line.path, command_line.host_options(), WarningPrinter(), names)
    if output is Format.JSON:
        typer.echo(json.dumps(results_document(results), indent=2))
    else:
        print_results(results, every=show_all)
    lost = {result.host: result.detail for result in results if result.check == REACHABLE and not result.ok}
    exit_if_unreachable(lost, named=True)
    if any(not result.ok for result in results):
        raise typer.Exit(1)


def results_document(results: list[Result]) -> dict[str, Any]:
    """Return {"ok": bool, "errors": n, "warnings": n, "passed": n, "results": [...]} for `-o json`."""
    counts = Counter(result.status for result in results)
    return {
        "ok": not counts["error"],
        "errors": counts["error"],
        "warnings": counts["warning"],
        "passed": counts["ok"],
        "results": [result.as_dict() for result in results],
    }


def print_results(results: list[Result], *, every: bool) -> None:
    """Print a row for each problem with its hint, the errors first, and the totals."""
    shown = [result for result in results if every or result.status not in ("ok", "skipped")]
    order = list(_WORDS)
    shown.sort(key=lambda result: order.index(result.status))
    rows: list[tuple[str, ...]] = []
    for result in shown:
        rows.append((result.host, result.check, _WORDS[result.status], result.detail))
        if result.hint and result.status not in ("ok", "skipped"):
            rows.append(("", "", "", f"hint: {result.hint}"))
    if rows:
        print_table(("HOST", "CHECK", "", "DETAIL"), rows)
        typer.echo()
    counts = Counter(result.status for result in results)
    hosts = len({result.host for result in results})
    parts = [_count(counts["error"], "error"), _count(counts["warning"], "warning")]
    typer.echo(f"{counts['ok']} checks passed, {', '.join(parts)} on {_count(hosts, 'host')}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _print_checks(output: Format) -> None:
    from kprov.preflight.check_table import CHECKS

    if output is Format.JSON:
        fields = ("name", "severity", "summary", "hint")
        typer.echo(
            json.dumps([{name: getattr(check, name) for name in fields} for check in CHECKS], indent=2)
        )
        return
    print_table(
        ("CHECK", "SEVERITY", "WHAT IT EXPECTS"),
        [(check.name, check.severity, check.summary) for check in CHECKS],
    )
