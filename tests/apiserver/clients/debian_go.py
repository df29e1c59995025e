"""Go programs of this folder, built with Debian's Go and Debian's Go libraries, without a network.

The packages are fetched from the machine's own Debian archives, unpacked into a cache and not installed;
what was compiled is kept there too. A first build takes minutes, each later one a second.
"""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from kprov.content.caches import CACHE
from kprov.debian import packages

#: Set to 1: the tests that need Go are skipped, on machines that can have none.
SKIP = "KPROV_TEST_WITHOUT_GO"
LIBRARIES = "golang-k8s-client-go-dev"
COMPILER = "golang-go"
_BUILD_SECONDS = 1200


def build(source: Path) -> Path:
    """The program of the folder's main.go, under GOPATH's rules."""
    if os.environ.get(SKIP) == "1":
        pytest.skip(f"{SKIP} is set")
    place = CACHE / "go" / packages.RELEASE
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / "lock").open("w")
    except OSError as error:
        pytest.fail(f"this test keeps Debian's {LIBRARIES} in {place}, which cannot be written: {error}")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        go = _toolchain(place / "root")
        program = place / "bin" / source.name
        environment = {
            "PATH": os.defpath,
            "HOME": str(place),
            "GOROOT": str(go.parent.parent),
            "GOPATH": str(place / "root" / "usr/share/gocode"),
            "GOCACHE": str(place / "cache"),
            "GO111MODULE": "off",
            "GOTOOLCHAIN": "local",
            "CGO_ENABLED": "0",
        }
        done = subprocess.run(
            [str(go), "build", "-o", str(program), "main.go"],
            cwd=source, env=environment, capture_output=True, text=True, timeout=_BUILD_SECONDS, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return program


def _toolchain(root: Path) -> Path:
    """The go command; everything it needs lies beside it."""
    if not root.exists():
        aside = root.with_suffix(f".{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        for package in (COMPILER, LIBRARIES):
            debs = packages.fetch_closure(package, arch=platform.machine(), cache=CACHE, needs="golang-")
            packages.unpack_packages(debs, aside)
            for deb in debs:
                deb.unlink()
        aside.rename(root)
    (found,) = root.glob("usr/lib/go-*/bin/go")
    return found
