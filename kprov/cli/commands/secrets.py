"""`kprov secrets`: the keys that encrypt secrets in etcd, and that sign service account tokens."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from kprov.cli.options.operation_options import OperationArguments
from kprov.cli.options.run_options import HostOptions, add_options
from kprov.cli.output.operation_output import run_command
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.cli.output.unreachable import exit_if_unreachable
from kprov.cli.output.warnings import WarningPrinter

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

DropOld = Annotated[
    bool,
    typer.Option(
        "--drop-old",
        help="Make no new key. Accept no tokens of earlier keys any more, also not unexpired ones.",
    ),
]


@app.callback()
def secrets() -> None:
    """Rotate the keys that encrypt secrets in etcd, and that sign service account tokens."""


@app.command("status")
@add_options
def status(command_line: HostOptions, output: FormatOption = Format.TABLE) -> None:
    """Show with which keys the values in etcd are encrypted."""
    from kprov.operations.cluster import open_cluster
    from kprov.operations.keys.stored_secrets import count_by_key
    from kprov.operations.unreachable_hosts import connect_hosts
    from kprov.pki.encryption_keys import load_keys

    command_line.unlock()
    with open_cluster(command_line.path, command_line.host_options(), WarningPrinter()) as cluster:
        connect_hosts(cluster, cluster.members("etcd"))
        keys = load_keys(cluster.artifacts / "pki")
        counts = count_by_key(cluster)
        unreachable = dict(cluster.engine.unreachable_hosts)
    names = keys.names if keys else []
    if output is Format.JSON:
        typer.echo(json.dumps({"keys": names, "values": counts}, indent=2))
        exit_if_unreachable(unreachable)
        return
    rows = []
    for name in [*names, *(name for name in counts if name not in names)]:
        place = "encrypts" if name in names[:1] else "decrypts" if name in names else "-"
        rows.append((name or "(not encrypted)", place, str(counts[name])))
    print_table(("KEY", "USE", "VALUES"), rows)
    exit_if_unreachable(unreachable)


@app.command("rotate-key")
@add_options
def rotate_key(command_line: OperationArguments) -> None:
    """Encrypt the secrets in etcd with a new key, and drop the old one."""
    run_command(command_line, "secrets rotate-key", {})


@app.command("rewrite")
@add_options
def rewrite(command_line: OperationArguments) -> None:
    """Encrypt what is in etcd with another key, or with none, with the present key."""
    run_command(command_line, "secrets rewrite", {"rewrite_only": True})


@app.command("rotate-service-account-key")
@add_options
def rotate_service_account_key(command_line: OperationArguments, drop_old: DropOld = False) -> None:
    """Sign service account tokens with a new key. Tokens of the old one stay valid until they expire."""
    question = "Tokens of earlier keys end now, and the pods that have them. Continue?" if drop_old else ""
    run_command(command_line, "secrets rotate-service-account-key", {"drop_old": drop_old}, question=question)
