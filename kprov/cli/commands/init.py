"""`kprov init`: write an inventory from options or from answers on a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.commands.new_inventory import Answers, parse_hosts, render_files
from kprov.cli.commands.vagrant_machines import choose_addresses, read_machines
from kprov.errors import InputError


def command(
    directory: Annotated[
        Path, typer.Argument(help="Folder for the new inventory, such as inventories/mine.")
    ],
    host: Annotated[
        list[str] | None, typer.Option(help="A host as NAME=ADDRESS or ADDRESS (repeatable).")
    ] = None,
    vagrant: Annotated[
        Path | None, typer.Option(help="Folder of a Vagrantfile: write its running machines.")
    ] = None,
    control_plane: Annotated[
        list[str] | None,
        typer.Option(
            help="Name of a control plane host (repeatable). [default: the first three hosts, or the first]"
        ),
    ] = None,
    user: Annotated[str, typer.Option(help="User to log in as; needs sudo unless it is root.")] = "root",
    key: Annotated[
        Path | None, typer.Option(help="SSH private key file. [default: the SSH agent and ~/.ssh]")
    ] = None,
    vip: Annotated[
        str, typer.Option(help="Unused address for the API server; moves between the control plane hosts.")
    ] = "",
    service_cidr: Annotated[str, typer.Option(help="Network for services.")] = Answers.service_cidr,
    pod_cidr: Annotated[str, typer.Option(help="Network for pods.")] = Answers.pod_cidr,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing inventory.")] = False,
) -> None:
    """Write DIRECTORY/hosts.yml and DIRECTORY/group_vars/all.yml. Asks for missing values on a terminal."""
    existing = [
        directory / name for name in ("hosts.yml", "group_vars/all.yml") if (directory / name).exists()
    ]
    if existing and not force:
        raise InputError("already exists; --force overwrites it", file=existing[0])
    if vagrant and host:
        raise InputError("--host and --vagrant exclude each other", field="--vagrant")
    machines = read_machines(vagrant) if vagrant else []
    answers = Answers(
        hosts=tuple(choose_addresses(machines).items()) if machines else parse_hosts(host or []),
        control_plane=tuple(control_plane or ()),
        user=machines[0].user if machines else user,
        key=str(key.expanduser()) if key else "",
        vip=vip,
        service_cidr=service_cidr,
        pod_cidr=pod_cidr,
        host_variables={machine.name: machine.host_variables for machine in machines},
    )
    if not answers.hosts:
        if not sys.stdin.isatty():
            raise InputError("at least one host is needed, such as --host node1=192.0.2.11", field="--host")
        answers = _ask_answers(answers)
    for name, text in render_files(answers).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
        typer.echo(f"Wrote {directory / name}")
    typer.echo(f"Next: kprov up -i {directory}")


def _ask_answers(answers: Answers) -> Answers:
    """Ask for the values that have no default; the user can change all others in group_vars."""
    hosts = parse_hosts(typer.prompt("Hosts (NAME=ADDRESS or ADDRESS, separated by spaces)").split())
    names = " ".join(Answers(hosts=hosts).control_plane_names)
    typed_names = typer.prompt("Control plane hosts", default=names)
    return Answers(
        hosts=hosts,
        control_plane=tuple(typed_names.split()),
        user=typer.prompt("User to log in as", default=answers.user),
        key=typer.prompt("SSH private key file (empty: the SSH agent and ~/.ssh)", default=answers.key),
        vip=typer.prompt("Unused address for the API server (empty: none)", default=answers.vip),
        service_cidr=typer.prompt("Network for services", default=answers.service_cidr),
        pod_cidr=typer.prompt("Network for pods", default=answers.pod_cidr),
    )
