"""libvirt as this machine offers it: installed and started."""

from __future__ import annotations

import contextlib
import itertools
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.qemu import emulator

PACKAGES = (*emulator.PACKAGES, "vagrant-libvirt", "libvirt-daemon-system", "libvirt-clients", "dnsmasq-base")
URI = "qemu:///system"


@contextlib.contextmanager
def libvirt_running() -> Iterator[None]:
    """libvirtd that answers: the machine's own, else one that ends with the tests (a container has no systemd)."""
    if _answers():
        yield
        return
    daemons = []
    try:
        for name in ("virtlogd", "libvirtd"):
            Path("/run/libvirt").mkdir(exist_ok=True)
            daemons.append(subprocess.Popen([f"/usr/sbin/{name}"], start_new_session=True))
        deadline = time.monotonic() + 60
        while not _answers():
            if time.monotonic() > deadline:
                raise RuntimeError("libvirtd did not answer within 60 s")
            time.sleep(0.5)
        yield
    finally:
        _stop_networks()
        for daemon in reversed(daemons):
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(timeout=60)
        _remove_firewall_chains()


def list_names(*arguments: str) -> set[str]:
    """What `virsh ... --name` lists."""
    done = subprocess.run(
        ["virsh", "--connect", URI, *arguments, "--name"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def list_disks() -> str:
    """The disks of all machines and boxes, as virsh prints them."""
    command = ["virsh", "--connect", URI, "vol-list", "default"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def remove_disks(prefix: str) -> None:
    """Remove the disks whose names begin like this, such as libvirt's copy of a box."""
    names = [line.split()[0] for line in list_disks().splitlines() if line.strip().startswith(prefix)]
    for name in names:
        command = ["virsh", "--quiet", "--connect", URI, "vol-delete", "--pool", "default", name]
        subprocess.run(command, check=True, capture_output=True)


def _remove_firewall_chains() -> None:
    """Remove libvirt's chains and the rules that jump to them: libvirtd leaves both."""
    for program, table in itertools.product(("iptables", "ip6tables"), ("filter", "nat", "mangle")):
        command = [program, "--wait", "--table", table]
        done = subprocess.run([*command, "--list-rules"], capture_output=True, text=True, check=False)
        rules = [shlex.split(line) for line in done.stdout.splitlines()]
        chains = [rule[1] for rule in rules if rule[0] == "-N" and rule[1].startswith("LIBVIRT_")]
        for rule in rules:
            if rule[0] == "-A" and rule[-1] in chains:
                subprocess.run([*command, "-D", *rule[1:]], check=True)
        for option, chain in itertools.product(("--flush", "--delete-chain"), chains):
            subprocess.run([*command, option, chain], check=True)


def _stop_networks() -> None:
    for name in list_names("net-list"):
        subprocess.run(["virsh", "--quiet", "--connect", URI, "net-destroy", name], check=False)


def _answers() -> bool:
    done = subprocess.run(["virsh", "--connect", URI, "version"], capture_output=True, check=False)
    return done.returncode == 0
