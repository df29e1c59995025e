"""Snapshots that age encrypted for the operator, with age as Debian ships it."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

from kprov.debian import packages
from kprov.errors import InputError
from kprov.operations.etcd.snapshot_content import read_snapshot

SNAPSHOT = Path(__file__).parents[1] / "unit/operations/etcd/snapshot.db.gz"
_CACHE = Path("/var/cache/kprov")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Two secret keys; age is on the PATH."""
    deb = packages.fetch_package("age", arch=platform.machine(), cache=_CACHE)
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("age", "age-keygen"):
        (programs / name).write_bytes(packages.read_member(deb, f"usr/bin/{name}"))
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    files = tmp_path / "one.key", tmp_path / "two.key"
    for file in files:
        subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
    return files


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """The folder in which a snapshot is unpacked."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    return folder


@pytest.fixture(params=[(), ("--armor",)], ids=["binary", "text"])
def encrypted(tmp_path: Path, keys: tuple[Path, Path], request: pytest.FixtureRequest) -> Path:
    """A snapshot for the first key."""
    recipient = next(
        line.split(": ")[1] for line in keys[0].read_text().splitlines() if line.startswith("# public key")
    )
    target = tmp_path / "etcd-20260102T030405Z-307.db.gz.age"
    command = ["age", *request.param, f"--recipient={recipient}", f"--output={target}", str(SNAPSHOT)]
    subprocess.run(command, check=True)
    return target


def test_the_owner_of_the_key_reads_the_snapshot(
    encrypted: Path, keys: tuple[Path, Path], artifacts: Path
) -> None:
    assert read_snapshot(encrypted, keys[0], artifacts).keys == read_snapshot(SNAPSHOT, None, artifacts).keys
    assert list(artifacts.iterdir()) == []


def test_another_key_and_a_cut_file_are_errors(
    encrypted: Path, keys: tuple[Path, Path], artifacts: Path
) -> None:
    with pytest.raises(InputError, match="no identity matched"):
        read_snapshot(encrypted, keys[1], artifacts)
    with pytest.raises(InputError, match="--identity: the snapshot is encrypted"):
        read_snapshot(encrypted, None, artifacts)
    encrypted.write_bytes(encrypted.read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot decrypt the snapshot"):
        read_snapshot(encrypted, keys[0], artifacts)
    assert list(artifacts.iterdir()) == []
