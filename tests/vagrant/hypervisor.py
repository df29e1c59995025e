"""libvirt as this machine offers it: installed and started."""

from __future__ import annotations

import contextlib
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


def _stop_networks() -> None:
    for name in list_names("net-list"):
        subprocess.run(["virsh", "--quiet", "--connect", URI, "net-destroy", name], check=False)


def _answers() -> bool:
    done = subprocess.run(["virsh", "--connect", URI, "version"], capture_output=True, check=False)
    return done.returncode == 0
