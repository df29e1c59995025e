"""Two lab hosts of their own, with a way in that needs no sshd: faults may take it away."""

from __future__ import annotations

import ipaddress
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kprov.lab import lifecycle, machine
from tests.lab.conftest import KPROV, eventually, run
from tests.lab.networks import find_subnet

#: Another name and network, where another lab on this machine has these.
LAB = os.environ.get("KPROV_FAULT_LAB", "fault")
SUBNET = find_subnet("fault")
HOSTS = ("node1", "node2")


@dataclass
class Hosts:
    """The lab, and the inventory that names its hosts."""

    inventory: Path
    _inits: dict[str, int] = field(default_factory=dict)

    @property
    def made(self) -> Path:
        """A folder for what tests make; inventories may have nothing else in theirs."""
        return self.inventory / "artifacts" / "made"

    def kprov(
        self, *arguments: str | Path, check: bool = False, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """`kprov ARGUMENTS`, whatever its exit code."""
        return run(KPROV, *arguments, check=check, timeout=timeout)

    def inside(self, host: str, script: str, *, check: bool = True, timeout: float = 60) -> str:
        """Standard output of a shell script as root on a host, past its sshd and network."""
        where = ["nsenter", "--target", str(self._init(host)), "--all", "--", "/bin/sh", "-c", script]
        done = subprocess.run(where, capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode:
            pytest.fail(f"{host}: {script}\nended with {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def network(self, host: str, script: str) -> None:
        """A shell script with this machine's programs in a host's network."""
        where = ["nsenter", "--target", str(self._init(host)), "--net", "--", "/bin/sh", "-c", script]
        run(*where)

    def _init(self, host: str) -> int:
        """The process id, on this machine, of a host's init."""
        known = self._inits.get(host)
        if known is None or not Path(f"/proc/{known}").exists():
            nspawn = machine.find_process(lifecycle.find_host(LAB, host)[1])
            known = machine.find_init(nspawn) if nspawn else None
            assert known is not None, f"{host} is switched off"
            self._inits[host] = known
        return known

    def address(self, host: str) -> str:
        """A host's address."""
        return str(ipaddress.ip_network(SUBNET)[11 + HOSTS.index(host)])

    def kill(self, host: str) -> None:
        """Pull the plug."""
        self._inits.pop(host, None)
        run(KPROV, "lab", "kill", "--name", LAB, host)

    def start(self, host: str) -> None:
        """Boot the same disk again; returns when it takes SSH."""
        run(KPROV, "lab", "start", "--name", LAB, host)

    def agents(self, host: str) -> str:
        """Agents that run on a host, a line each."""
        # The agent's program is a text on its command line; this one must not find itself.
        return self.inside(host, "ps -eo pid,args | grep '[K]PROV1' | cut -c1-120", check=False)

    def without_agents(self, host: str, seconds: float) -> None:
        """Fail when an agent still runs on a host after so many seconds."""
        eventually(
            f"{host}: the end of all agents",
            lambda: not self.agents(host).strip(),
            timeout=seconds,
            every=0.2,
        )


def up(inventory: Path) -> Hosts:
    """Boot the hosts, or bring those that are there to what they should be."""
    where = ("--name", LAB, "--subnet", SUBNET, "--hosts", str(len(HOSTS)))
    run(KPROV, "lab", "up", *where, "--inventory", inventory, timeout=900)
    return Hosts(inventory)


def down() -> None:
    """Remove the hosts and all they left."""
    run(KPROV, "lab", "down", "--name", LAB, check=False)
