"""Debian packages, fetched with the operator's own apt configuration, also for other architectures."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from kprov.errors import InputError, KprovError

# Debian's names of what uname calls these.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "s390x": "s390x"}


def debian_architecture(arch: str) -> str:
    """Debian's name, such as amd64 for x86_64.

    Raises:
        InputError: Debian has no such architecture, or no wheels are built for it.

    """
    if arch not in ARCHITECTURES:
        raise InputError(f"architecture {arch!r} is not supported; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[arch]


def fetch(package: str, arch: str, folder: Path) -> Path:
    """Download a package into `folder` and return the file.

    Raises:
        KprovError: apt could not; the message has what it said.

    """
    options = [] if arch == platform.machine() else _own_lists(arch, folder)
    download = ["apt-get", *options, "-q", "download", package]
    done = _apt(download, folder)
    if done.returncode != 0:
        # A machine that was just installed has no lists yet.
        _apt(["apt-get", *options, "-q", "update"], folder)
        done = _apt(download, folder)
    found = sorted(folder.glob(f"{package}_*.deb"))
    if done.returncode != 0 or not found:
        raise KprovError(f"apt-get download {package} failed: {done.stderr.strip()[-800:]}")
    return found[-1]


def contents(deb: Path, member: str) -> bytes:
    """One file out of a package, named as in the package (`usr/bin/catatonit`).

    Raises:
        KprovError: the package does not have it.

    """
    tree = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], capture_output=True, check=False)
    extract = ["tar", "--extract", "--to-stdout", f"./{member}"]
    found = subprocess.run(extract, input=tree.stdout, capture_output=True, check=False)
    if tree.returncode or found.returncode or not found.stdout:
        raise KprovError(f"{deb.name} has no {member}: {(tree.stderr or found.stderr).decode().strip()}")
    return found.stdout


def _own_lists(arch: str, folder: Path) -> list[str]:
    """Options that keep a foreign architecture's lists apart from the machine's."""
    debian, state = debian_architecture(arch), folder / f"apt-{arch}"
    for name in ("lists/partial", "cache/archives/partial"):
        (state / name).mkdir(parents=True, exist_ok=True)
    values = {
        "APT::Architecture": debian,
        "APT::Architectures": debian,
        "Dir::State": state,
        "Dir::State::lists": state / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": state / "cache",
    }
    return [f"-o{name}={value}" for name, value in values.items()]


def _apt(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except FileNotFoundError as error:
        raise KprovError(
            "container images are made from Debian packages, and this machine has no apt"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise KprovError(f"{' '.join(command[:4])} took longer than ten minutes") from error
