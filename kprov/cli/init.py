"""`kprov init`: write an inventory from flags, or from a few answers on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.new_inventory import Answers, documents, parse_hosts
from kprov.errors import InputError


def command(
    directory: Annotated[Path, typer.Argument(help="Folder of the new inventory, such as inventories/mine.")],
    host: Annotated[
        list[str] | None, typer.Option(help="A host as NAME=ADDRESS or ADDRESS; once for each host.")
    ] = None,
    control_plane: Annotated[
        list[str] | None,
        typer.Option(help="Name of a control plane host. [default: the first three, or the first]"),
    ] = None,
    user: Annotated[str, typer.Option(help="Who logs in on the hosts; needs sudo unless root.")] = "root",
    key: Annotated[
        Path | None, typer.Option(help="SSH private key. [default: the agent's and yours]")
    ] = None,
    vip: Annotated[str, typer.Option(help="Free address that moves between the control plane hosts.")] = "",
    service_cidr: Annotated[str, typer.Option(help="Network of services.")] = Answers.service_cidr,
    pod_cidr: Annotated[str, typer.Option(help="Network of pods.")] = Answers.pod_cidr,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an inventory that is there.")] = False,
) -> None:
    """Write DIRECTORY/hosts.yml and DIRECTORY/group_vars/all.yml; asks for what is missing on a terminal."""
    existing = [
        directory / name for name in ("hosts.yml", "group_vars/all.yml") if (directory / name).exists()
    ]
    if existing and not force:
        raise InputError("is there already; --force overwrites it", file=existing[0])
    answers = Answers(
        hosts=parse_hosts(host or []),
        control_plane=tuple(control_plane or ()),
        user=user,
        key=str(key.expanduser()) if key else "",
        vip=vip,
        service_cidr=service_cidr,
        pod_cidr=pod_cidr,
    )
    if not answers.hosts:
        if not sys.stdin.isatty():
            raise InputError("at least one host is needed, such as --host node1=192.0.2.11", field="--host")
        answers = _ask(answers)
    for name, text in documents(answers).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
        typer.echo(f"Wrote {directory / name}")
    typer.echo(f"Next: kprov up -i {directory}")


def _ask(given: Answers) -> Answers:
    """The few things that cannot be guessed; the rest is in group_vars, to be changed there."""
    hosts = parse_hosts(typer.prompt("Addresses of the hosts (NAME=ADDRESS or ADDRESS, with blanks)").split())
    names = " ".join(Answers(hosts=hosts).control_plane_names)
    chosen = typer.prompt("Which of them are the control plane", default=names)
    return Answers(
        hosts=hosts,
        control_plane=tuple(chosen.split()),
        user=typer.prompt("Who logs in there", default=given.user),
        key=typer.prompt("SSH private key (empty: the agent's and yours)", default=given.key),
        vip=typer.prompt("A free address for the API (empty: none)", default=given.vip),
        service_cidr=typer.prompt("Network of services", default=given.service_cidr),
        pod_cidr=typer.prompt("Network of pods", default=given.pod_cidr),
    )
