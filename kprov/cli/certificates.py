"""`kprov certs`: what certificates a cluster has and when they end."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.output import Format, table
from kprov.errors import InputError
from kprov.pki.inspect import listing

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def certificates() -> None:
    """Certificates of a cluster, on this machine."""


@app.command("list")
def list_certificates(
    inventory: Annotated[
        Path, typer.Option("-i", "--inventory", help="The inventory: a folder or a file.")
    ] = Path("inventories/lab"),
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json")] = Format.TABLE,
) -> None:
    """Show every certificate with its end, authorities first."""
    if not inventory.exists():
        raise InputError("there is no such inventory", file=inventory)
    folder = inventory if inventory.is_dir() else inventory.parent
    found = listing(folder / "artifacts" / "pki")
    if output is Format.JSON:
        typer.echo(json.dumps([{**asdict(one), "state": one.state} for one in found], indent=2))
        return
    rows = [(one.name, one.subject, one.authority, one.expires, str(one.days), one.state) for one in found]
    table(("CERTIFICATE", "SUBJECT", "SIGNED BY", "EXPIRES", "DAYS", "STATE"), rows)
