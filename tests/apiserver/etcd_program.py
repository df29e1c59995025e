"""etcd for tests on this machine, as Debian ships it for the hosts; fetched once, then kept."""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

from kprov.debian import packages

_CACHE = Path("/var/cache/kprov")


@functools.cache
def etcd() -> Path:
    """The program's path."""
    program = _CACHE / "etcd" / packages.RELEASE / "etcd"
    if not program.exists():
        deb = packages.fetch("etcd-server", arch=platform.machine(), cache=_CACHE)
        program.parent.mkdir(parents=True, exist_ok=True)
        aside = program.with_suffix(f".{os.getpid()}")
        aside.write_bytes(packages.contents(deb, "usr/bin/etcd"))
        aside.chmod(0o755)
        aside.rename(program)
    return program
