"""`kprov lab`: systemd hosts on this machine."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.output.tables import Format, FormatOption, print_table
from kprov.debian.packages import RELEASE
from kprov.errors import InputError
from kprov.lab import access, inventory_file, lifecycle, state
from kprov.lab.definition import DEFAULT_HOSTS, DEFAULT_NAME, DEFAULT_SUBNET, Lab

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Create and remove test hosts on this machine."
)

Name = Annotated[str, typer.Option("--name", "-n", help="Name of the lab.")]
Hosts = Annotated[list[str] | None, typer.Argument(help="Names of hosts, such as node1.")]


@app.command()
def up(
    name: Name = DEFAULT_NAME,
    subnet: Annotated[
        str | None, typer.Option(help=f"IPv4 network of the lab. [default: {DEFAULT_SUBNET}]")
    ] = None,
    hosts: Annotated[int | None, typer.Option(help=f"Number of hosts. [default: {DEFAULT_HOSTS}]")] = None,
    release: Annotated[
        str | None,
        typer.Option(
            help="Debian release of the hosts, bookworm or trixie; several with commas, "
            f"which the hosts have in turn. [default: {RELEASE}]"
        ),
    ] = None,
    isolated: Annotated[
        bool | None,
        typer.Option(
            "--isolated/--connected",
            help="Whether the hosts reach nothing but each other. [default: --connected]",
        ),
    ] = None,
    inventory: Annotated[
        Path | None, typer.Option(help="Write an inventory of the lab to this folder.")
    ] = None,
) -> None:
    """Create hosts node1..N, boot them and wait for SSH. Changes nothing if they run."""
    began = time.monotonic()
    record = state.load_record(name)
    recorded_lab = record.lab if record else Lab()
    if record is None and name != DEFAULT_NAME and subnet is None:
        raise InputError(
            f"another lab needs its own network, such as {_find_free_subnet()}", field="--subnet"
        )
    releases = tuple(word.strip() for word in release.split(",")) if release else recorded_lab.releases
    closed = recorded_lab.isolated if isolated is None else isolated
    lab = Lab(name, subnet or recorded_lab.subnet, hosts or recorded_lab.host_count, releases, closed)
    if inventory is not None:
        inventory_file.check_inventory(inventory, lab, recorded_lab)
    booted = lifecycle.create_lab(lab, _print_hosts)
    if inventory is not None:
        inventory_file.write_inventory(lab, inventory)
        _print_hosts(f"Wrote {inventory}/hosts.yml")
    if booted:
        _print_hosts(f"{len(booted)} hosts up in {time.monotonic() - began:.1f} s: {', '.join(booted)}")
    elif closed != recorded_lab.isolated:
        _print_hosts(f"Lab {name} is now {'isolated' if closed else 'connected'}")
    else:
        _print_hosts(f"Lab {name} is already up, nothing changed")


@app.command()
def down(name: Name = DEFAULT_NAME) -> None:
    """Remove the lab: its hosts, disks and network."""
    removed = lifecycle.remove_lab(name)
    if not removed:
        _print_hosts(f"There is no lab {name}; nothing changed")
        return
    hosts = [entry.removeprefix("host ") for entry in removed if entry.startswith("host ")]
    _print_hosts(f"Removed lab {name}: {', '.join(hosts)}" if hosts else f"Removed {', '.join(removed)}")


@app.command("list")
def list_hosts(
    name: Annotated[str | None, typer.Option("--name", "-n", help="Show only this lab.")] = None,
    output: FormatOption = Format.TABLE,
) -> None:
    """Show hosts with their address, state and memory."""
    hosts = lifecycle.list_hosts([name] if name else state.list_names())
    if output is Format.JSON:
        import json

        typer.echo(json.dumps([asdict(host) for host in hosts], indent=2))
        return
    if not hosts:
        typer.echo("There is no lab; `kprov lab up` creates one")
        return
    rows = [
        (
            host.lab,
            host.name,
            host.address,
            "running" if host.running else "off",
            f"{host.memory / 2**20:.0f} MiB" if host.memory is not None else "-",
        )
        for host in hosts
    ]
    print_table(("LAB", "HOST", "ADDRESS", "STATE", "MEMORY"), rows)


@app.command()
def kill(
    hosts: Annotated[list[str], typer.Argument(help="Names of hosts, such as node1.")],
    name: Name = DEFAULT_NAME,
) -> None:
    """Power hosts off at once, without a shutdown. Their disks stay."""
    done = lifecycle.kill_hosts(name, hosts)
    _print_hosts(f"Powered off {', '.join(done)}" if done else "They are already off, nothing changed")


@app.command()
def start(hosts: Hosts = None, name: Name = DEFAULT_NAME) -> None:
    """Boot hosts that are off, with their disks; all of them if none is named."""
    done = lifecycle.start_hosts(name, hosts or [])
    _print_hosts(f"Booted {', '.join(done)}" if done else "They are already running, nothing changed")


@app.command()
def reinstall(
    hosts: Annotated[list[str], typer.Argument(help="Names of hosts, such as node1.")],
    name: Name = DEFAULT_NAME,
) -> None:
    """Erase hosts and boot them anew, as bare hosts with other SSH keys."""
    done = lifecycle.reinstall_hosts(name, hosts)
    _print_hosts(f"Erased and booted {', '.join(done)}")


@app.command(context_settings={"allow_interspersed_args": False})
def ssh(
    host: Annotated[str, typer.Argument(help="Name of the host, such as node1.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="The command to run. [default: a shell]")
    ] = None,
    name: Name = DEFAULT_NAME,
) -> None:
    """Log in to a host, or run a command there: kprov lab ssh node1 -- uptime. Options precede the host."""
    lab, lab_host = lifecycle.find_host(name, host)
    words = (
        [word for word in command or [] if word != "--"] if (command or [""])[0] == "--" else command or []
    )
    arguments = access.ssh_command(lab, lab_host, words, terminal=bool(words) and sys.stdin.isatty())
    os.execvp(arguments[0], arguments)  # noqa: S606


def _print_hosts(text: str) -> None:
    typer.echo(text)


def _find_free_subnet() -> str:
    used = {state.require_record(name).lab.subnet for name in state.list_names()} | {DEFAULT_SUBNET}
    return next(subnet for third in range(1, 255) if (subnet := f"10.70.{third}.0/24") not in used)
