"""Fetches Debian packages of any release and architecture from this machine's mirrors."""

from __future__ import annotations

import fcntl
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from kprov.debian import sources
from kprov.errors import InputError, KprovError

RELEASE = "trixie"  # the hosts' release; the machine kprov runs on may be older
PYTHON = "3.13"  # the Python of that release
# Debian's names of what uname calls these.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64el", "s390x": "s390x"}


def debian_architecture(arch: str) -> str:
    """Return Debian's name of an architecture, such as amd64 for x86_64.

    Raises:
        InputError: kprov does not know the architecture.

    """
    if arch not in ARCHITECTURES:
        raise InputError(f"architecture {arch!r} is not supported; there are {', '.join(ARCHITECTURES)}")
    return ARCHITECTURES[arch]


def fetch_package(
    package: str, *, arch: str, cache: Path, release: str = RELEASE, update: bool = False
) -> Path:
    """Download a package and return its file; `cache` stores it and the release's package lists.

    `update`: update the lists first, to get the newest version.

    Raises:
        KprovError: apt failed; the message has its output.

    """
    place = cache / "apt" / f"{release}-{arch}"
    with _lock_folder(place):
        options = prepare_options(place, release, debian_architecture(arch))
        download = ["apt-get", *options, "-q", "download", package]
        done = None
        if _has_lists(place) and not update:
            done = run_apt(download, place)
        if done is None or done.returncode != 0:
            # There are no lists yet, or they name a version that the mirror has replaced.
            update_lists(options, place, release)
            done = run_apt(download, place)
        archives = sorted(place.glob(f"{package}_*.deb"), key=lambda path: path.stat().st_mtime)
        if done.returncode != 0 or not archives:
            raise KprovError(f"apt-get download {package} of {release} failed: {done.stderr.strip()[-800:]}")
        for old in archives[:-1]:
            old.unlink()
        return archives[-1]


def fetch_version(
    package: str, version: str, *, arch: str, cache: Path, release: str = RELEASE
) -> Path | None:
    """Download one version of a package and return its file; None if the mirrors do not have it.

    Raises:
        KprovError: apt cannot fetch the package lists.

    """
    place = cache / "apt" / f"{release}-{arch}"
    architecture = debian_architecture(arch)
    file = place / f"{package}_{version.replace(':', '%3a')}_{architecture}.deb"
    with _lock_folder(place):
        options = prepare_options(place, release, architecture)
        download = ["apt-get", *options, "-q", "download", f"{package}={version}"]
        if _has_lists(place) and run_apt(download, place).returncode == 0:
            return file
        update_lists(options, place, release)
        return file if run_apt(download, place).returncode == 0 else None


def fetch_closure(package: str, *, arch: str, cache: Path, needs: str, release: str = RELEASE) -> list[Path]:
    """Download a package and its dependencies that match the pattern `needs`; return their files.

    Raises:
        KprovError: apt failed; the message has its output.

    """
    fetch_package(package, arch=arch, cache=cache, release=release)
    place = cache / "apt" / f"{release}-{arch}"
    with _lock_folder(place):
        options = prepare_options(place, release, debian_architecture(arch))
        planned = run_apt(
            ["apt-get", *options, "-q", "-s", "--no-install-recommends", "install", package], place
        )
        names = [
            name for name in re.findall(r"^Inst (\S+)", planned.stdout, re.MULTILINE) if re.match(needs, name)
        ]
        done = run_apt(["apt-get", *options, "-q", "download", *names], place) if names else planned
        if planned.returncode != 0 or done.returncode != 0 or not names:
            said = (planned.stderr + done.stderr).strip()
            raise KprovError(f"apt-get download of {package} and what it needs failed: {said[-800:]}")
        return [max(place.glob(f"{name}_*.deb"), key=lambda path: path.stat().st_mtime) for name in names]


def unpack_packages(debs: Sequence[Path], into: Path) -> None:
    """Extract packages into a folder without configuring them. Raises KprovError for a broken one."""
    for deb in debs:
        done = subprocess.run(
            ["dpkg-deb", "-x", str(deb), str(into)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise KprovError(f"{deb.name}: {done.stderr.strip()}")


def read_member(deb: Path, member: str) -> bytes:
    """Return the content of a file of a package, such as `usr/bin/catatonit`.

    Raises:
        KprovError: the package does not have it.

    """
    tree = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], capture_output=True, check=False)
    extract = ["tar", "--extract", "--to-stdout", f"./{member}"]
    extraction = subprocess.run(extract, input=tree.stdout, capture_output=True, check=False)
    if tree.returncode or extraction.returncode or not extraction.stdout:
        raise KprovError(f"{deb.name} has no {member}: {(tree.stderr or extraction.stderr).decode().strip()}")
    return extraction.stdout


@contextmanager
def _lock_folder(place: Path) -> Iterator[None]:
    """Wait until no other process uses apt in this folder: of two updates at a time, one fails."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _has_lists(place: Path) -> bool:
    return any(place.glob("lists/*_Packages*"))


def update_lists(options: list[str], place: Path, release: str) -> None:
    """Fetch the release's package lists into the cache `place`. Raises KprovError."""
    updated = run_apt(["apt-get", *options, "-q", "update"], place)
    if updated.returncode != 0:
        raise KprovError(f"apt-get update for {release} failed: {updated.stderr.strip()[-800:]}")


def prepare_options(place: Path, release: str, architecture: str) -> list[str]:
    """Return apt options for a release with lists separate from the machine's."""
    for name in ("lists/partial", "archives/partial"):
        (place / name).mkdir(parents=True, exist_ok=True)
    listed = place / "sources.list"
    listed.write_text("".join(f"{source.line()}\n" for source in sources.sources_for_release(release)))
    values = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",  # apt's own user cannot read the cache
        "Acquire::Languages": "none",
        "Dir::Etc::sourcelist": listed,
        "Dir::Etc::sourceparts": "-",
        "Dir::State": place,
        "Dir::State::lists": place / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": place,
        "Dir::Cache::archives": place / "archives",
    }
    return [f"-o{name}={value}" for name, value in values.items()]


def run_apt(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of apt in a folder. Raises KprovError if it is missing or takes too long."""
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except FileNotFoundError as error:
        raise KprovError("this needs Debian packages, and the machine has no apt-get") from error
    except subprocess.TimeoutExpired as error:
        raise KprovError("apt-get took longer than ten minutes") from error
