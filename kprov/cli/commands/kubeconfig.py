"""`kprov kubeconfig`: print a kubeconfig of the cluster, or merge it into the user's own file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from kprov.cli.options.durations import parse_duration
from kprov.cli.options.run_options import Inventory
from kprov.cli.options.vault_options import AskPass, PasswordFiles, VaultIds, use_passwords
from kprov.errors import InputError

User = Annotated[
    str,
    typer.Option("--user", metavar="NAME", help="Issue a client certificate for this user."),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="GROUP", help="A group of the user. May be used several times."),
]
Ttl = Annotated[
    str | None,
    typer.Option(
        "--ttl", metavar="TIME", help="How long the user's certificate is valid (24h): 30m, 8h, 7d."
    ),
]
Merge = Annotated[
    bool,
    typer.Option(
        "--merge", help="Add it to the file of kubectl ($KUBECONFIG or ~/.kube/config), and use it."
    ),
]
Name = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="NAME",
        help="The cluster's name in the kubeconfig. Default: the variable cluster_name.",
    ),
]


def command(
    inventory: Inventory,
    user: User = "",
    group: Groups = None,
    ttl: Ttl = None,
    merge: Merge = False,
    name: Name = "",
    vault_id: VaultIds = None,
    vault_password_file: PasswordFiles = None,
    ask_vault_pass: AskPass = False,
) -> None:
    """Print the administrator's kubeconfig, or one with a short-lived certificate for a user.

    It needs the keys of the inventory's artifacts and connects to no host. RBAC decides what the user may do.
    """
    from kprov.pki import kubeconfig, kubeconfig_file

    if not user and (group or ttl):
        raise InputError("needs --user", field="--group" if group else "--ttl")
    use_passwords(vault_id, vault_password_file, ask=ask_vault_pass)
    document, cluster_name = _make_document(inventory, user, tuple(group or ()), ttl or "24h")
    if name or merge:
        document = kubeconfig.rename_entries(document, name or cluster_name)
    if not merge:
        typer.echo(kubeconfig.render_document(document).decode(), nl=False)
        return
    path = kubeconfig_file.find_user_file(os.environ)
    kubeconfig_file.merge_into_file(path, document)
    typer.echo(f"{path}: the current context is now {document['current-context']}")


def _make_document(
    inventory: Path, user: str, groups: tuple[str, ...], ttl: str
) -> tuple[dict[str, Any], str]:
    """Return the kubeconfig and the cluster's name."""
    from kprov.operations.cluster import open_cluster
    from kprov.operations.preparation import make_pki_request
    from kprov.pki.users import issue_user_kubeconfig

    with open_cluster(inventory) as cluster:
        request = make_pki_request(cluster)
        if user:
            life = parse_duration(ttl, "--ttl")
            return issue_user_kubeconfig(request, user, groups, life), request.cluster_name
        return _read_admin(cluster.artifacts / "admin.conf"), request.cluster_name


def _read_admin(path: Path) -> dict[str, Any]:
    from kprov.inventory import yaml_file

    if not path.exists():
        raise InputError("is missing; `kprov up` creates it", file=path)
    document = yaml_file.load_yaml(path)
    if not isinstance(document, dict):
        raise InputError("is not a kubeconfig", file=path)
    return dict(document)
