"""etcd for tests on this machine, as Debian ships it for the hosts; fetched once, then kept."""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path

from kprov.content.caches import CACHE
from kprov.debian import packages


def etcd() -> Path:
    """The program's path."""
    return _program("etcd", "etcd-server")


def etcdctl() -> Path:
    """The path of what asks and moves members."""
    return _program("etcdctl", "etcd-client")


@functools.cache
def _program(name: str, package: str) -> Path:
    program = CACHE / "etcd" / packages.RELEASE / name
    if not program.exists():
        deb = packages.fetch_package(package, arch=platform.machine(), cache=CACHE)
        program.parent.mkdir(parents=True, exist_ok=True)
        aside = program.with_suffix(f".{os.getpid()}")
        aside.write_bytes(packages.read_member(deb, f"usr/bin/{name}"))
        aside.chmod(0o755)
        aside.rename(program)
    return program
