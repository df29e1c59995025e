"""The lab's SSH key and its known hosts."""

from __future__ import annotations

from pathlib import Path

from kprov.lab import disk
from kprov.lab.command import run_program
from kprov.lab.definition import USER, Host, Lab


def ensure_key(lab: Lab) -> None:
    """Make the key that opens all hosts of the lab."""
    lab.folder.mkdir(parents=True, exist_ok=True)
    if not lab.key.with_suffix(".pub").exists():
        lab.key.unlink(missing_ok=True)
        run_program(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"kprov lab {lab.name}", "-f", str(lab.key)]
        )


def write_known_hosts(lab: Lab) -> None:
    """Write down the hosts' keys: known from their disks, not from the first connection."""
    lines = [f"{host.name},{host.address} {disk.read_host_key(host)}\n" for host in lab.hosts]
    aside = lab.known_hosts.with_suffix(".new")
    aside.write_text("".join(lines))
    aside.rename(lab.known_hosts)


def ssh_options(known_hosts: Path) -> list[str]:
    """ssh(1) options that take this file as the only truth about host keys."""
    return [
        "-o",
        f"UserKnownHostsFile={known_hosts}",
        "-o",
        "StrictHostKeyChecking=yes",
        "-o",
        "IdentitiesOnly=yes",
    ]


def ssh_command(lab: Lab, host: Host, command: list[str], *, terminal: bool = False) -> list[str]:
    """Arguments that log in on the host, or run `command` there through its shell."""
    start = ["ssh", "-q", "-i", str(lab.key), *ssh_options(lab.known_hosts)]
    if terminal:
        start.append("-t")
    return [*start, f"{USER}@{host.address}", *command]
