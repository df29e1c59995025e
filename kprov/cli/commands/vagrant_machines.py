"""Running Vagrant machines, as `vagrant ssh-config` and the machines themselves describe them."""

from __future__ import annotations

import ipaddress
import json
import shlex
import subprocess
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.errors import InputError

_FLAG = "--vagrant"
#: Links whose addresses no other machine reaches, by the start of their names: cluster DNS's is on lo.
_OTHER_LINKS = ("lo", "cni", "veth", "docker")
#: Seconds for one of Vagrant's commands: it starts slowly, and asks the provider about each machine.
_VAGRANT_LIMIT = 300


@dataclass(frozen=True)
class Machine:
    """A machine's SSH login and its IPv4 addresses, in the order of its interfaces."""

    name: str
    host: str
    port: int
    user: str
    key: str
    addresses: tuple[str, ...] = ()

    @property
    def host_variables(self) -> dict[str, Any]:
        """Variables to reach it. A machine made anew has new host keys, so these are not checked."""
        return {
            "ansible_host": self.host,
            "ansible_port": self.port,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": self.key,
            "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no",
        }


def read_machines(directory: Path) -> list[Machine]:
    """Return the running machines of DIRECTORY's Vagrantfile, by name.

    Raises:
        InputError: no Vagrantfile, no Vagrant, a machine that is not running or does not answer.

    """
    if not (directory / "Vagrantfile").is_file():
        raise InputError("has no Vagrantfile", file=directory, field=_FLAG)
    config = _run(["vagrant", "ssh-config"], directory)
    with tempfile.NamedTemporaryFile("w", prefix="kprov-ssh-config-") as file:
        file.write(config)
        file.flush()
        return [
            Machine(
                name=machine.name,
                host=machine.host,
                port=machine.port,
                user=machine.user,
                key=machine.key,
                addresses=_read_addresses(file.name, machine.name, directory),
            )
            for machine in parse_ssh_config(config)
        ]


def parse_ssh_config(text: str) -> list[Machine]:
    """Return the machines in the output of `vagrant ssh-config`, sorted by name."""
    machines: list[dict[str, str]] = []
    for line in text.splitlines():
        words = shlex.split(line)
        if len(words) < 2:
            continue
        if words[0] == "Host":
            machines.append({"Host": words[1]})
        elif machines:
            machines[-1].setdefault(words[0], words[1])
    return sorted(
        (
            Machine(
                name=parsed_machine["Host"],
                host=parsed_machine.get("HostName", ""),
                port=int(parsed_machine.get("Port", "22")),
                user=parsed_machine.get("User", "vagrant"),
                key=parsed_machine.get("IdentityFile", ""),
            )
            for parsed_machine in machines
        ),
        key=lambda machine: machine.name,
    )


def choose_addresses(machines: Sequence[Machine]) -> Mapping[str, str]:
    """One address for each machine, by name, in a network that all of them share.

    VirtualBox and QEMU give each machine the same address behind their own NAT, so addresses that occur twice
    do not count. A network without login addresses goes first: it is the private network of the Vagrantfile.

    Raises:
        InputError: the machines share no network.

    """
    counts = Counter(address for machine in machines for address in set(machine.addresses))
    networks: dict[ipaddress.IPv4Network, dict[str, str]] = {}
    for machine in machines:
        for text in machine.addresses:
            interface = ipaddress.IPv4Interface(text)
            if counts[text] == 1 or len(machines) == 1:
                networks.setdefault(interface.network, {})[machine.name] = str(interface.ip)
    shared = [addresses for addresses in networks.values() if len(addresses) == len(machines)]
    if not shared:
        raise InputError(
            "the machines share no network; give each a private_network in the Vagrantfile", field=_FLAG
        )
    logins = {machine.host for machine in machines}
    return next((addresses for addresses in shared if not logins & set(addresses.values())), shared[0])


def _read_addresses(config: str, name: str, directory: Path) -> tuple[str, ...]:
    return parse_addresses(_run(["ssh", "-F", config, name, "ip -json -4 address"], directory))


def parse_addresses(text: str) -> tuple[str, ...]:
    """Return the addresses in the output of `ip -json -4 address`, without those that a cluster adds."""
    return tuple(
        f"{address['local']}/{address['prefixlen']}"
        for link in json.loads(text)
        for address in link.get("addr_info", ())
        # A filter of `ip` leaves empty objects in the place of what it hides.
        if address.get("scope") == "global" and not link["ifname"].startswith(_OTHER_LINKS)
    )


def _run(command: Sequence[str], directory: Path) -> str:
    try:
        done = subprocess.run(
            command, cwd=directory, capture_output=True, text=True, timeout=_VAGRANT_LIMIT, check=True
        )
    except FileNotFoundError:
        raise InputError(f"{command[0]} is not installed", field=_FLAG) from None
    except subprocess.TimeoutExpired:
        text = f"`{shlex.join(command)}` did not end within {_VAGRANT_LIMIT} s"
        raise InputError(text, file=directory, field=_FLAG) from None
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout).strip().splitlines() or [f"exit status {error.returncode}"]
        raise InputError(f"`{shlex.join(command)}` failed: {lines[0]}", file=directory, field=_FLAG) from None
    return done.stdout
