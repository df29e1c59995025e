"""Installs the Debian packages that a lab needs on this machine."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from kprov.errors import KprovError
from kprov.lab.command import run_program

# Packages by a program of each.
NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "nsenter": "util-linux",
    "mount": "mount",
}


def ensure_packages(say: Callable[[str], None]) -> bool:
    """Install missing packages with apt and report it; return whether something was installed.

    Raises:
        KprovError: not root, or apt failed.

    """
    if os.geteuid() != 0:
        raise KprovError("a lab needs root on this machine, for namespaces, mounts and a bridge: use sudo")
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = sorted({package for program, package in NEEDED.items() if not shutil.which(program, path=path)})
    if not missing:
        return False
    say(f"Installing {', '.join(missing)} on this machine with apt")
    install = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q"]
    install += ["--no-install-recommends", *missing]
    if run_program(install, timeout=900, check=False).returncode != 0:
        run_program(["apt-get", "update", "-q"], timeout=600)
        run_program(install, timeout=900)
    return True
