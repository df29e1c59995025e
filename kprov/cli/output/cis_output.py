"""Prints the items of the CIS Kubernetes Benchmark for `kprov verify --profile cis`."""

from __future__ import annotations

import json
from collections import Counter

import typer

from kprov.cli.options.run_options import HostOptions
from kprov.cli.output.tables import Format, print_table
from kprov.cli.output.warnings import WarningPrinter

_WORDS = {"pass": "ok", "fail": "FAILED"}


def run_profile(command_line: HostOptions, *, output: Format, show_all: bool) -> None:
    """Judge the items and print them; exit with 1 if one fails."""
    from kprov.operations.cis import judge_cluster
    from kprov.verify.cis.items import VERSION

    command_line.unlock()
    results = judge_cluster(command_line.path, command_line.host_options(), WarningPrinter())
    # A number counts once: as failed if it failed on any host.
    states: dict[str, str] = {}
    for result in results:
        if states.get(result.number) != "fail":
            states[result.number] = result.result
    counts = Counter(states.values())
    ok = not counts["fail"]
    if output is Format.JSON:
        document = {
            "benchmark": f"CIS Kubernetes Benchmark {VERSION}",
            "ok": ok,
            "counts": dict(counts),
            "items": [result.as_dict() for result in results],
        }
        typer.echo(json.dumps(document, indent=2))
    else:
        rows = [
            (
                result.number,
                _WORDS.get(result.result, result.result),
                result.title,
                ",".join(result.hosts),
                "; ".join(text for text in (result.evidence, result.reason) if text),
            )
            for result in results
            if show_all or result.result != "pass"
        ]
        print_table(("ITEM", "", "WHAT", "HOSTS", "EVIDENCE AND REASON"), rows)
        total = ", ".join(
            f"{counts[word]} {text}"
            for word, text in (
                ("pass", "pass"),
                ("fail", "fail"),
                ("not applicable", "do not apply"),
                ("manual", "are for a person to judge"),
            )
        )
        hidden = "" if show_all else ". --all shows those that pass, too"
        typer.echo(f"\nCIS Kubernetes Benchmark {VERSION}: of {len(states)} items {total}{hidden}")
    if not ok:
        raise typer.Exit(1)
