"""`kprov verify`: look at every host and the cluster; a table for people, JSON for machines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kprov.cli.output import Format, status_text, table
from kprov.cli.vault_options import AskPass, PasswordFiles, VaultIds, use_passwords

FormatOption = Annotated[Format, typer.Option("-o", "--output", help="table or json")]
InventoryOption = Annotated[
    Path, typer.Option("-i", "--inventory", help="The inventory: a folder or a file.")
]


def command(
    inventory: InventoryOption,
    output: FormatOption = Format.TABLE,
    probe: Annotated[
        bool, typer.Option(help="Make a probe workload, reach it from every node, remove it.")
    ] = True,
    limit: Annotated[str, typer.Option(help="Only these hosts (a pattern as in Ansible).")] = "",
    show_all: Annotated[
        bool, typer.Option("--all", help="Show every check, not only areas and failures.")
    ] = False,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Check hosts and cluster; the exit code is 1 when anything failed."""
    from kprov.operations.verify import run

    use_passwords(vault_id, vault_password_file, ask=ask_vault_pass)
    results = run(inventory, probe=probe, limit=limit)
    if output is Format.JSON:
        typer.echo(json.dumps(document(results), indent=2))
    else:
        show(results, every=show_all)
    if any(not result.ok for result in results):
        raise typer.Exit(1)


def document(results: list[Any]) -> dict[str, Any]:
    """`-o json`: {"ok": bool, "passed": n, "failed": n, "results": [...]}."""
    failed = sum(not result.ok for result in results)
    return {
        "ok": failed == 0,
        "passed": len(results) - failed,
        "failed": failed,
        "results": [result.as_dict() for result in results],
    }


def show(results: list[Any], *, every: bool) -> None:
    """One row a host and area, failures spelled out below their row."""
    rows: list[tuple[str, ...]] = []
    places: dict[tuple[str, str], list[Any]] = {}
    for result in results:
        places.setdefault((result.host, result.area), []).append(result)
    for (host, area), found in sorted(places.items(), key=lambda item: (item[0][0] == "cluster", item[0][0])):
        bad = [result for result in found if not result.ok]
        rows.append((host, area, status_text(ok=not bad), f"{len(found) - len(bad)} of {len(found)}", ""))
        rows += [
            ("", "", status_text(ok=result.ok), result.name, result.detail)
            for result in (found if every else bad)
        ]
    table(("HOST", "AREA", "", "CHECK", "DETAIL"), rows)
    failed = sum(not result.ok for result in results)
    typer.echo(f"\n{len(results) - failed} checks passed, {failed} failed")
