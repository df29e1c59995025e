"""The Debian packages in the bundle's images: exact versions and hashes, from a lock file.

`make lock` runs `python -m kprov.bundle.image_packages`, which writes the newest versions into the lock.
Debian's mirrors keep only the newest version of a release. When they have replaced the locked one, the newest
is taken: apt has checked its signature, and the digest of the bundle tells the difference.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from kprov.bundle import store
from kprov.debian import packages
from kprov.errors import KprovError

PACKAGES = ("busybox-static", "catatonit")
#: {architecture: {package: {"version": ..., "sha256": ...}}}
Lock = dict[str, dict[str, dict[str, str]]]
LOCK = Path(__file__).with_name("image_packages.json")
_LOCKED_ARCHITECTURES = ("x86_64", "aarch64")


def read_lock(lock: Path = LOCK) -> Lock:
    """Read the lock file. Raises KprovError if that fails."""
    try:
        content: Lock = json.loads(lock.read_text())
    except (OSError, ValueError) as error:
        raise KprovError(f"{lock}: cannot read the lock file: {error}") from error
    return content


def fetch_package(package: str, *, arch: str, cache: Path, lock: Lock, say: Callable[[str], None]) -> Path:
    """Download the locked version of a package, or the newest, with a message, if Debian has replaced it.

    Raises:
        KprovError: apt failed, or the locked version has another hash.

    """
    locked = lock.get(arch, {}).get(package)
    if locked is None:
        return packages.fetch_package(package, arch=arch, cache=cache)
    file = packages.fetch_version(package, locked["version"], arch=arch, cache=cache)
    if file is None:
        newest = packages.fetch_package(package, arch=arch, cache=cache)
        say(
            f"Debian has replaced {package} {locked['version']} ({LOCK.name}) by {newest.name}: "
            "the bundle gets another digest. `make lock` updates the lock file"
        )
        return newest
    actual = _file_sha256(file)
    if actual != locked["sha256"]:
        raise KprovError(f"{file}: SHA-256 is {actual}, expected {locked['sha256']} ({LOCK.name})")
    return file


def find_newest(cache: Path) -> Lock:
    """Return the newest version on the mirrors. Raises KprovError if apt fails."""
    lock: Lock = {}
    for arch in _LOCKED_ARCHITECTURES:
        lock[arch] = {}
        for package in PACKAGES:
            file = packages.fetch_package(package, arch=arch, cache=cache, update=True)
            lock[arch][package] = {"version": _package_version(file), "sha256": _file_sha256(file)}
    return lock


def _package_version(deb: Path) -> str:
    command = ["dpkg-deb", "--field", str(deb), "Version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KprovError(f"{deb}: {done.stderr.strip()}")
    return done.stdout.strip()


def _file_sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    with store.lock_cache(store.DEFAULT):
        LOCK.write_text(json.dumps(find_newest(store.DEFAULT), indent=2) + "\n")
