"""Resolves and downloads Debian packages with all their dependencies."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kprov.debian import packages
from kprov.errors import KprovError
from kprov.inventory.cluster import distributions
from kprov.offline.manifest import hash_file

#: Packages beside those of the roles' table: the registry, and what Ansible's module apt needs on hosts.
_OTHERS = ("docker-registry", "python3-apt")
_NO_ARCHIVES = ["-oDir::Cache::archives=/nonexistent"]
_FILE = re.compile(r"^'[^']+' (\S+\.deb) \d+", re.MULTILINE)


@dataclass(frozen=True)
class DebFile:
    """A package's file, its control fields and the SHA-256 of the file."""

    path: Path
    control: str
    sha256: str


def list_names() -> list[str]:
    """Return the packages that the roles install on hosts of Debian."""
    return [*distributions.list_packages("debian"), *_OTHERS]


def download_closure(names: Sequence[str], *, release: str, arch: str, cache: Path) -> list[DebFile]:
    """Download the newest versions of packages and of all that they depend on, sorted by file name.

    Dependencies are resolved against an empty system: the result is complete for every host of the release,
    whatever the host has installed.

    Raises:
        KprovError: apt failed, such as for an unknown package; the message has its output.

    """
    place = cache / "apt" / f"{release}-{arch}"
    options = packages.prepare_options(place, release, packages.debian_architecture(arch))
    packages.update_lists(options, place, release)
    apt_get = ["apt-get", *options, "--quiet"]
    install = ["install", "--yes", "--no-install-recommends", *names]
    # apt prints only what it does not have: not so with another folder of archives.
    planned = packages.run_apt([*apt_get, *_NO_ARCHIVES, "--print-uris", *install], place)
    done = planned
    if planned.returncode == 0:
        done = packages.run_apt([*apt_get, "--download-only", *install], place)
    if done.returncode != 0:
        raise KprovError(f"apt-get install of {release} failed: {done.stderr.strip()[-800:]}")
    files = sorted(_FILE.findall(planned.stdout))
    return [_read_deb(place / "archives" / file) for file in files]


def _read_deb(path: Path) -> DebFile:
    command = ["dpkg-deb", "--field", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KprovError(f"{path}: {done.stderr.strip()}")
    return DebFile(path, done.stdout.strip(), hash_file(path))
