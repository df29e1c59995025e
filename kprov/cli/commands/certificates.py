"""`kprov certs`: list a cluster's certificates and their expiry dates."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from kprov.cli.options.run_options import Inventory
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.errors import InputError
from kprov.pki.inspect import list_certificates

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def certificates() -> None:
    """Show the certificates of a cluster, as stored on this machine."""


@app.command("list")
def list_all(
    inventory: Inventory,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show all certificates with their expiry dates, authorities first."""
    if not inventory.exists():
        raise InputError("the inventory does not exist", file=inventory)
    folder = inventory if inventory.is_dir() else inventory.parent
    found = list_certificates(folder / "artifacts" / "pki")
    if output is Format.JSON:
        typer.echo(json.dumps([{**asdict(one), "state": one.state} for one in found], indent=2))
        return
    rows = [(one.name, one.subject, one.authority, one.expires, str(one.days), one.state) for one in found]
    print_table(("CERTIFICATE", "SUBJECT", "SIGNED BY", "EXPIRES", "DAYS", "STATE"), rows)
