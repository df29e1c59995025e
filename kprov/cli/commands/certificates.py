"""`kprov certs`: issue a cluster's certificates; list them with their expiry dates."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from kprov.cli.options.run_options import Inventory
from kprov.cli.options.vault_options import AskPass, PasswordFiles, VaultIds, use_passwords
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.errors import InputError
from kprov.pki.inspect import list_certificates

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def certificates() -> None:
    """Issue and show the certificates of a cluster, as stored on this machine."""


@app.command("issue")
def issue(
    inventory: Inventory,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Issue missing certificates and kubeconfigs, renew those that expire soon or no longer fit.

    `kprov up` does it, too. With ansible-playbook, run this before the roles. It connects to no host.
    """
    from kprov.operations.cluster import open_cluster
    from kprov.operations.preparation import make_pki_request
    from kprov.pki.ensure import ensure_pki

    use_passwords(vault_id, vault_password_file, ask=ask_vault_pass)
    with open_cluster(inventory) as cluster:
        changed = ensure_pki(make_pki_request(cluster))
        for line in changed:
            typer.echo(line)
        typer.echo(f"{len(changed)} files written in {cluster.artifacts}")


@app.command("list")
def list_all(
    inventory: Inventory,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show all certificates with their expiry dates, authorities first."""
    if not inventory.exists():
        raise InputError("the inventory does not exist", file=inventory)
    folder = inventory if inventory.is_dir() else inventory.parent
    certificates = list_certificates(folder / "artifacts" / "pki")
    if output is Format.JSON:
        typer.echo(
            json.dumps(
                [{**asdict(certificate), "state": certificate.state} for certificate in certificates],
                indent=2,
            )
        )
        return
    rows = [
        (
            certificate.name,
            certificate.subject,
            certificate.authority,
            certificate.expires,
            str(certificate.days),
            certificate.state,
        )
        for certificate in certificates
    ]
    print_table(("CERTIFICATE", "SUBJECT", "SIGNED BY", "EXPIRES", "DAYS", "STATE"), rows)
