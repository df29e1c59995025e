"""A QEMU that runs Debian 13 without KVM."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

PACKAGES = (
    *("qemu-system-x86", "qemu-utils", "grub-pc-bin", "fdisk", "e2fsprogs", "mmdebstrap"),
    *("vagrant", "openssh-client"),  # the box has Vagrant's key
)
PROGRAM = "qemu-system-x86_64"
#: Debian 12 has 7.2, whose emulation of x86 stops Debian 13's kernel.
OLDEST_QEMU = 8
QEMU_ROOT = Path("/var/cache/kprov/qemu")
WRAPPER = Path(__file__).with_name("qemu")


def install_packages(*packages: str) -> None:
    """Install Debian packages, where one of them is missing."""
    shown = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if shown.returncode == 0 and all(line.startswith("ii") for line in shown.stdout.splitlines()):
        return
    subprocess.run(["apt-get", "update", "--quiet=2"], check=True)
    command = ["apt-get", "install", "--quiet=2", "--yes", "--no-install-recommends", *packages]
    subprocess.run(command, check=True, env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"})


def find_emulator() -> str:
    """Return the path of a QEMU that runs Debian 13 without KVM; "" when the machine's own does."""
    text = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"version (\d+)", text)
    if version and int(version[1]) >= OLDEST_QEMU:
        return ""
    if not (QEMU_ROOT / "usr/bin" / PROGRAM).exists():
        shutil.rmtree(QEMU_ROOT, ignore_errors=True)
        packages = "--include=qemu-system-x86,seabios,ipxe-qemu"
        subprocess.run(
            ["mmdebstrap", "--quiet", "--variant=minbase", packages, "trixie", QEMU_ROOT], check=True
        )
    for directory in ("var/lib/libvirt", "var/cache/libvirt"):
        (QEMU_ROOT / directory).mkdir(parents=True, exist_ok=True)
    # libvirt's QEMU runs as a user that cannot read a checkout in somebody's home.
    wrapper = QEMU_ROOT.with_name(PROGRAM)
    shutil.copy(WRAPPER, wrapper)
    return str(wrapper)
