"""Installs the Debian packages that a lab needs on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable

from kprov.debian.programs import ensure_programs
from kprov.errors import KprovError

#: Packages by a program of each.
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
    return ensure_programs(NEEDED, say)
