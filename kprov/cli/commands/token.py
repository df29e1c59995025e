"""`kprov token`: bootstrap tokens, with which new nodes identify themselves to the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kprov.cli.options.durations import parse_duration
from kprov.cli.options.run_options import HostOptions, add_options
from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.cli.output.unreachable import exit_if_unreachable
from kprov.cli.output.warnings import WarningPrinter

if TYPE_CHECKING:
    from kprov.operations.cluster import Cluster

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

Ttl = Annotated[
    str,
    typer.Option("--ttl", metavar="TIME", help="How long it is valid: 30m, 24h, 7d. 0: until it is deleted."),
]
Usages = Annotated[
    list[str] | None,
    typer.Option("--usage", help="authentication or signing. May be used several times. Default: both."),
]
Groups = Annotated[
    list[str] | None,
    typer.Option(
        "--group",
        help="A group of its user, which begins with system:bootstrappers:. May be used several times. "
        "Default: system:bootstrappers:kubeadm:default-node-token.",
    ),
]
Description = Annotated[str, typer.Option("--description", help="What it is for.")]
Tokens = Annotated[list[str], typer.Argument(metavar="TOKEN...", help="Tokens, or only their IDs.")]


@app.callback()
def token() -> None:
    """Create, list and delete bootstrap tokens."""


@app.command("create")
@add_options
def create(
    command_line: HostOptions,
    ttl: Ttl = "24h",
    usage: Usages = None,
    group: Groups = None,
    description: Description = "",
) -> None:
    """Create a token and print it. The cluster's API does not show it again in `list`."""
    from kprov.operations.keys import bootstrap_tokens

    life = None if ttl == "0" else parse_duration(ttl, "--ttl")
    with _open(command_line) as cluster:
        created = bootstrap_tokens.create_token(
            cluster,
            life=life,
            usages=usage or bootstrap_tokens.USAGES,
            groups=group or (bootstrap_tokens.DEFAULT_GROUP,),
            description=description,
        )
    typer.echo(created)


@app.command("list")
@add_options
def list_all(command_line: HostOptions, output: FormatOption = Format.TABLE) -> None:
    """Show all tokens without their secret part."""
    from kprov.operations.keys.bootstrap_tokens import list_tokens

    with _open(command_line) as cluster:
        tokens = list_tokens(cluster)
    if output is Format.JSON:
        documents = [
            asdict(bootstrap_token) | {"expired": bootstrap_token.is_expired} for bootstrap_token in tokens
        ]
        typer.echo(json.dumps(documents, indent=2))
        return
    rows = [
        (
            bootstrap_token.identity,
            (bootstrap_token.expires or "never") + (" (expired)" if bootstrap_token.is_expired else ""),
            ",".join(bootstrap_token.usages),
            ",".join(bootstrap_token.groups),
            bootstrap_token.description,
        )
        for bootstrap_token in tokens
    ]
    print_table(("ID", "EXPIRES", "USAGES", "GROUPS", "DESCRIPTION"), rows)


@app.command("delete")
@add_options
def delete(command_line: HostOptions, tokens: Tokens) -> None:
    """Revoke tokens."""
    from kprov.operations.keys.bootstrap_tokens import delete_token

    with _open(command_line) as cluster:
        for bootstrap_token in tokens:
            delete_token(cluster, bootstrap_token)
            typer.echo(f"{bootstrap_token[:6]} deleted")


@contextmanager
def _open(command_line: HostOptions) -> Iterator[Cluster]:
    """Open the cluster and connect to its control plane."""
    from kprov.operations.cluster import open_cluster
    from kprov.operations.unreachable_hosts import connect_hosts

    command_line.unlock()
    with open_cluster(command_line.path, command_line.host_options(), WarningPrinter()) as cluster:
        connect_hosts(cluster, cluster.members("kube_control_plane"))
        yield cluster
        unreachable = dict(cluster.engine.unreachable_hosts)
    exit_if_unreachable(unreachable)
