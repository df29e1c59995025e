"""libvirt and QEMU as this machine offers them: installed, started, and able to run Debian 13."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGES = (
    *("vagrant", "vagrant-libvirt", "libvirt-daemon-system", "libvirt-clients", "dnsmasq-base"),
    *("qemu-system-x86", "qemu-utils", "grub-pc-bin", "fdisk", "mmdebstrap"),
)
URI = "qemu:///system"
#: Debian 12 has 7.2, whose emulation of x86 stops Debian 13's kernel.
OLDEST_QEMU = 8
QEMU_ROOT = Path("/var/cache/kprov/qemu")
WRAPPER = Path(__file__).with_name("qemu")


def install_packages() -> None:
    """Debian's packages, where one of them is missing."""
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}\n", *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode == 0 and all(line.startswith("ii") for line in asked.stdout.splitlines()):
        return
    subprocess.run(["apt-get", "update", "--quiet=2"], check=True)
    command = ["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *PACKAGES]
    subprocess.run(command, check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def find_emulator() -> str:
    """Path of a QEMU that runs Debian 13 without KVM; "" when libvirt's own choice does."""
    text = subprocess.run(
        ["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True
    ).stdout
    version = re.search(r"version (\d+)", text)
    if version and int(version[1]) >= OLDEST_QEMU:
        return ""
    if not (QEMU_ROOT / "usr/bin/qemu-system-x86_64").exists():
        shutil.rmtree(QEMU_ROOT, ignore_errors=True)
        packages = "--include=qemu-system-x86,seabios,ipxe-qemu"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", packages, "trixie", QEMU_ROOT], check=True
        )
    for directory in ("var/lib/libvirt", "var/cache/libvirt"):
        (QEMU_ROOT / directory).mkdir(parents=True, exist_ok=True)
    # libvirt's QEMU runs as a user that cannot read a checkout in somebody's home.
    wrapper = QEMU_ROOT.with_name("qemu-system-x86_64")
    shutil.copy(WRAPPER, wrapper)
    return str(wrapper)


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
