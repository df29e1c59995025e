"""The apt repository of an export: apt itself reads it and checks its signature."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from kprov.offline import apt_repository
from kprov.offline.manifest import hash_file
from kprov.offline.packages import DebFile

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("gpg", "gpgv", "apt-get", "dpkg-deb"))), reason="needs gpg and Debian's tools"
)


@pytest.fixture
def debs(tmp_path: Path) -> list[DebFile]:
    """Two packages, one of which has an epoch and needs the other."""
    found = []
    for name, version, needs in (("base", "1.0", ""), ("program", "2:3.1+x", "Depends: base\n")):
        tree = tmp_path / name
        (tree / "DEBIAN").mkdir(parents=True)
        control = (
            f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: A <a@b.c>\n"
            f"{needs}Description: a test\n"
        )
        (tree / "DEBIAN/control").write_text(control)
        file = tmp_path / f"{name}_{version.replace(':', '%3a')}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, file], check=True, capture_output=True)
        found.append(DebFile(file, control.strip(), hash_file(file)))
    return found


@pytest.fixture
def repository(tmp_path: Path, debs: list[DebFile]) -> Path:
    """The unpacked archive."""
    archive = tmp_path / "repository.tar"
    apt_repository.pack_repository(debs, archive, release="trixie", architecture="amd64")
    folder = tmp_path / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


def run_apt(tmp_path: Path, repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    state = tmp_path / "state"
    for name in ("lists/partial", "archives/partial", "etc"):
        (state / name).mkdir(parents=True, exist_ok=True)
    (state / "sources.list").write_text(
        f"deb [signed-by={repository}/kprov.gpg] file:{repository} trixie main\n"
    )
    options = {
        "APT::Architecture": "amd64", "APT::Architectures": "amd64", "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any", "Dir::Etc": state / "etc", "Dir::Etc::sourcelist": state / "sources.list",
        "Dir::State": state, "Dir::State::lists": state / "lists", "Dir::State::status": "/dev/null",
        "Dir::Cache": state,
    }  # fmt: skip
    command = ["apt-get", *(f"-o{name}={value}" for name, value in options.items()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_apt_installs_a_package_and_what_it_needs(tmp_path: Path, repository: Path) -> None:
    updated = run_apt(tmp_path, repository, "update")
    assert updated.returncode == 0, updated.stderr
    planned = run_apt(tmp_path, repository, "--simulate", "install", "program")
    assert [line.split()[1] for line in planned.stdout.splitlines() if line.startswith("Inst ")] == [
        "base",
        "program",
    ]
    fetched = run_apt(tmp_path, repository, "--yes", "--download-only", "install", "program")
    assert fetched.returncode == 0, fetched.stderr


def test_apt_rejects_a_list_that_was_changed_after_the_signature(tmp_path: Path, repository: Path) -> None:
    for name in ("Packages", "Packages.gz"):
        (repository / "dists/trixie/main/binary-amd64" / name).write_bytes(b"")
    updated = run_apt(tmp_path, repository, "update")
    assert updated.returncode != 0


def test_apt_rejects_another_key(tmp_path: Path, repository: Path, debs: list[DebFile]) -> None:
    other = tmp_path / "other.tar"
    apt_repository.pack_repository(debs, other, release="trixie", architecture="amd64")
    with tarfile.open(other) as tar:
        key = tar.extractfile("./kprov.gpg")
        assert key is not None
        (repository / "kprov.gpg").write_bytes(key.read())
    updated = run_apt(tmp_path, repository, "update")
    assert updated.returncode != 0


def test_the_digest_is_that_of_the_packages_and_the_release(debs: list[DebFile]) -> None:
    digest = apt_repository.repository_digest(debs, "trixie")
    assert digest == apt_repository.repository_digest(debs[::-1], "trixie")
    assert digest != apt_repository.repository_digest(debs, "bookworm")
    assert digest != apt_repository.repository_digest(debs[:1], "trixie")
