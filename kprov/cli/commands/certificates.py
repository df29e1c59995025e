"""`kprov certs`: issue, list, renew, recover, replace and export a cluster's certificates."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.run_options import HostOptions, Inventory, add_options
from kprov.cli.options.vault_options import AskPass, PasswordFiles, VaultIds, use_passwords
from kprov.cli.output.operation_output import run_command
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.cli.output.unreachable import exit_if_unreachable
from kprov.cli.output.warnings import WarningPrinter
from kprov.errors import InputError
from kprov.pki.inspect import list_certificates

Offline = Annotated[
    Path | None,
    typer.Option("--offline", help="Issue also the certificates of the registry with this export's images."),
]
app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Hosts = Annotated[list[str] | None, typer.Argument(metavar="[HOST...]", help="Hosts of the inventory.")]
All = Annotated[bool, typer.Option("--all", help="All hosts, and the administrator's kubeconfig.")]
KeepOld = Annotated[
    bool,
    typer.Option(
        "--keep-old",
        help="Stop while the old authorities are still trusted, to give users new kubeconfigs. "
        "The command without this option then finishes the rotation.",
    ),
]
ExportName = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A name of `kprov certs list`, such as ca or hosts/node1/kubelet."),
]
WithKey = Annotated[bool, typer.Option("--with-key", help="Also the private key. Needs --out.")]
ExportFile = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write to this file (0600).")]


@app.callback()
def certificates() -> None:
    """Issue, show, renew, recover, replace and export the certificates of a cluster."""


@app.command("issue")
def issue(
    inventory: Inventory,
    offline: Offline = None,
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Issue missing certificates and kubeconfigs, renew those that expire soon or no longer fit.

    `kprov up` does it, too. With ansible-playbook, run this before the roles. It connects to no host.
    """
    from kprov.operations.cluster import open_cluster
    from kprov.operations.offline import VARIABLE, list_registry_hosts, open_export
    from kprov.operations.preparation import make_pki_request
    from kprov.pki.ensure import ensure_pki
    from kprov.playbook.results.run_result import RunOptions

    use_passwords(vault_id, vault_password_file, ask=ask_vault_pass)
    variables = {VARIABLE: str(offline)} if offline is not None else {}
    with open_cluster(inventory, RunOptions(extra_vars=variables)) as cluster:
        export = open_export(cluster, lambda text: typer.echo(text, err=True))
        changed = ensure_pki(make_pki_request(cluster, list_registry_hosts(cluster, export)))
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


@app.command("compare")
@add_options
def compare(command_line: HostOptions, output: FormatOption = Format.TABLE) -> None:
    """Show the certificates on hosts that are not those of this machine; then the exit code is 1."""
    from kprov.operations.cluster import open_cluster
    from kprov.operations.keys.host_files import find_differences, list_cluster_hosts
    from kprov.operations.unreachable_hosts import connect_hosts

    command_line.unlock()
    with open_cluster(command_line.path, command_line.host_options(), WarningPrinter()) as cluster:
        connect_hosts(cluster, cluster.chosen())
        chosen = set(cluster.chosen())
        hosts = [host for host in list_cluster_hosts(cluster) if host in chosen]
        differences = find_differences(cluster, hosts)
        unreachable = dict(cluster.engine.unreachable_hosts)
    if output is Format.JSON:
        typer.echo(json.dumps([asdict(difference) for difference in differences], indent=2))
    elif differences:
        rows = [
            (difference.host, difference.path, difference.name, difference.expires or "-")
            for difference in differences
        ]
        print_table(("HOST", "PATH", "DIFFERS FROM", "EXPIRES THERE"), rows)
    else:
        typer.echo(f"the certificates on {', '.join(hosts)} are those of this machine")
    exit_if_unreachable(unreachable)
    if differences:
        raise typer.Exit(1)


@app.command("renew")
@add_options
def renew(command_line: OperationArguments, hosts: Hosts = None, every: All = False) -> None:
    """Issue the certificates of hosts again, whenever they end, and use them without a gap.

    `kprov up` renews those that end within 30 days.
    """
    if bool(hosts) == every:
        raise InputError("name hosts, or use --all", field="HOST")
    run_command(command_line, "certs renew", {"hosts": hosts or []})


@app.command("recover")
@add_options
def recover(command_line: OperationArguments) -> None:
    """Fetch the authorities and keys of a running cluster from its hosts, when artifacts/pki is lost.

    The keys of etcd's and the front proxies' authorities are on no host: `kprov certs rotate-ca` then
    replaces the authorities. --limit leaves out hosts whose files differ from the others'.
    """
    run_command(command_line, "certs recover", {})


@app.command("rotate-ca")
@add_options
def rotate_ca(command_line: OperationArguments, keep_old: KeepOld = False) -> None:
    """Replace the three authorities of a cluster while it serves.

    Kubeconfigs from before work until the API servers get new certificates. Give users new ones before.
    """
    question = (
        ""
        if keep_old
        else "Kubeconfigs that were issued before will end. Replace the certificate authorities?"
    )
    run_command(command_line, "certs rotate-ca", {"keep_old": keep_old}, question=question)


@app.command("export")
def export(inventory: Inventory, name: ExportName, with_key: WithKey = False, out: ExportFile = None) -> None:
    """Print a certificate in PEM, or write it to a file, also with its key."""
    from kprov.pki import files

    pki = (inventory if inventory.is_dir() else inventory.parent) / "artifacts" / "pki"
    stem = name.removesuffix(".crt")
    certificate, key = pki / f"{stem}.crt", pki / f"{stem}.key"
    if ".." in stem.split("/") or not certificate.is_file():
        raise InputError(f"{name!r} is not a certificate of `kprov certs list`", field="NAME")
    if with_key and out is None:
        raise InputError("needs --out: a private key is not printed", field="--with-key")
    content = certificate.read_bytes() + (key.read_bytes() if with_key else b"")
    if out is None:
        typer.echo(content.decode(), nl=False)
        return
    try:
        files.write_file(out, content, files.PRIVATE)
    except OSError as error:
        raise InputError(f"cannot be written: {error.strerror}", file=out, field="--out") from error
    typer.echo(f"{out}: {stem}.crt{' and its key' if with_key else ''}")
