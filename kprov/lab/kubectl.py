"""Fetches Debian's kubectl of the hosts' release for the operator."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from kprov.content.caches import CACHE
from kprov.debian import packages

PACKAGE = "kubectl"


def ensure_kubectl(cache: Path = CACHE) -> Path:
    """Return the path of a kubectl for this machine; it is fetched once and cached.

    Raises:
        KprovError: the package cannot be fetched.

    """
    program = cache / "kubectl" / packages.RELEASE / "kubectl"
    if program.exists():
        return program
    deb = packages.fetch_package(PACKAGE, arch=platform.machine(), cache=cache)
    program.parent.mkdir(parents=True, exist_ok=True)
    aside = program.with_suffix(f".{os.getpid()}")
    aside.write_bytes(packages.read_member(deb, "usr/bin/kubectl"))
    aside.chmod(0o755)
    aside.rename(program)
    return program
