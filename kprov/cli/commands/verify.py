"""`kprov verify`: check every host and the cluster; print a table or JSON."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from kprov.cli.options.run_options import HostOptions, add_options
from kprov.cli.output.tables import Format, FormatOption, print_table, status_text
from kprov.cli.output.unreachable import exit_if_unreachable, find_lost_hosts
from kprov.cli.output.warnings import WarningPrinter
from kprov.errors import InputError


class Profile(StrEnum):
    """Benchmarks."""

    CIS = "cis"


Probe = Annotated[
    bool, typer.Option(help="Run a test workload, connect to it from every node, and remove it.")
]
Wait = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait at most for components that are starting.")
]
Disrupt = Annotated[
    bool,
    typer.Option(
        "--disrupt",
        help="Then kill one part of the cluster after the other, a whole host last, and measure the gaps.",
    ),
]
ProfileOption = Annotated[
    Profile | None,
    typer.Option(
        "--profile", help="Instead judge the hosts by a benchmark: cis, the CIS Kubernetes Benchmark."
    ),
]
Budgets = Annotated[
    list[str] | None,
    typer.Option("--budget", metavar="NAME=SECONDS", help="Longest gap of a disruption (repeatable)."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation before --disrupt.")]
ShowAll = Annotated[
    bool, typer.Option("--all", help="Show every check, not only the failed ones and a total for each area.")
]


@add_options
def command(
    command_line: HostOptions,
    output: FormatOption = Format.TABLE,
    probe: Probe = True,
    wait: Wait = 60,
    show_all: ShowAll = False,
    profile: ProfileOption = None,
    disrupt: Disrupt = False,
    budget: Budgets = None,
    yes: Yes = False,
) -> None:
    """Check the hosts and the cluster. The exit code is 1 if a check fails, 4 if a host does not answer."""
    if profile is Profile.CIS:
        from kprov.cli.output.cis_output import run_profile

        if disrupt or budget:
            raise InputError("cannot be combined with --disrupt", field="--profile")
        run_profile(command_line, output=output, show_all=show_all)
        return
    if disrupt:
        from kprov.cli.output.disruption_output import run_disruptions

        run_disruptions(
            command_line,
            budget or [],
            output=output,
            wait=wait,
            confirmed=yes,
            print_checks=lambda checks: print_results(checks, every=show_all),
        )
        return
    if budget:
        raise InputError("is for --disrupt only", field="--budget")
    run_checks(command_line, output=output, probe=probe, wait=wait, show_all=show_all)


def run_checks(
    command_line: HostOptions,
    *,
    output: Format = Format.TABLE,
    probe: bool = True,
    wait: float = 60,
    show_all: bool = False,
) -> None:
    """Run the checks and print the results; exit with 1 if a check fails."""
    from kprov.operations.verify import verify_cluster

    command_line.unlock()
    results = verify_cluster(
        command_line.path, command_line.host_options(), WarningPrinter(), probe=probe, wait=wait
    )
    if output is Format.JSON:
        typer.echo(json.dumps(results_document(results), indent=2))
    else:
        print_results(results, every=show_all)
    exit_if_unreachable(find_lost_hosts(results), named=True)
    if any(not result.ok for result in results):
        raise typer.Exit(1)


def results_document(results: list[Any]) -> dict[str, Any]:
    """Return {"ok": bool, "passed": n, "failed": n, "warnings": n, "results": [...]} for `-o json`."""
    passed, failed, warnings = _count_results(results)
    return {
        "ok": failed == 0,
        "passed": passed,
        "failed": failed,
        "warnings": warnings,
        "results": [result.as_dict() for result in results],
    }


def print_results(results: list[Any], *, every: bool) -> None:
    """Print one row for each host and area, with its failures and warnings below it."""
    rows: list[tuple[str, ...]] = []
    places: dict[tuple[str, str], list[Any]] = {}
    for result in results:
        places.setdefault((result.host, result.area), []).append(result)
    for (host, area), findings in sorted(
        places.items(), key=lambda item: (item[0][0] == "cluster", item[0][0])
    ):
        passed, failed, warnings = _count_results(findings)
        status = status_text(ok=not failed, warning=bool(warnings))
        headlines = [
            finding.detail for finding in findings if finding.headline and finding.ok and not finding.warning
        ]
        detail = "" if every else "; ".join(headlines)
        rows.append((host, area, status, f"{passed} of {len(findings)}", detail))
        rows += [
            ("", "", status_text(ok=result.ok, warning=result.warning), result.name, result.detail)
            for result in findings
            if every or not result.ok or result.warning
        ]
    print_table(("HOST", "AREA", "", "CHECK", "DETAIL"), rows)
    passed, failed, warnings = _count_results(results)
    typer.echo(
        f"\n{passed} checks passed, {failed} failed" + (f", {warnings} with a warning" if warnings else "")
    )


def _count_results(results: list[Any]) -> tuple[int, int, int]:
    """Count the results that passed without a warning, failed, and passed with a warning."""
    failed = sum(not result.ok for result in results)
    warnings = sum(result.ok and result.warning for result in results)
    return len(results) - failed - warnings, failed, warnings
