"""Snapshots that age encrypted for the operator, with age as Debian ships it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.etcd.snapshot_content import read_snapshot
from tests.age_keys import AgeKey, install_age, make_key

SNAPSHOT = Path(__file__).parents[1] / "unit/operations/etcd/snapshot.db.gz"


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[AgeKey, AgeKey]:
    """Two keys; age is on the PATH."""
    programs = install_age(tmp_path)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return make_key(programs, tmp_path / "one.key"), make_key(programs, tmp_path / "two.key")


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """The folder in which a snapshot is unpacked."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    return folder


@pytest.fixture(params=[(), ("--armor",)], ids=["binary", "text"])
def encrypted(tmp_path: Path, keys: tuple[AgeKey, AgeKey], request: pytest.FixtureRequest) -> Path:
    """A snapshot for the first key."""
    target = tmp_path / "etcd-20260102T030405Z-307.db.gz.age"
    command = ["age", *request.param, f"--recipient={keys[0].recipient}", f"--output={target}", str(SNAPSHOT)]
    subprocess.run(command, check=True)
    return target


def test_the_owner_of_the_key_reads_the_snapshot(
    encrypted: Path, keys: tuple[AgeKey, AgeKey], artifacts: Path
) -> None:
    assert (
        read_snapshot(encrypted, keys[0].file, artifacts).keys
        == read_snapshot(SNAPSHOT, None, artifacts).keys
    )
    assert list(artifacts.iterdir()) == []


def test_another_key_and_a_cut_file_are_errors(
    encrypted: Path, keys: tuple[AgeKey, AgeKey], artifacts: Path
) -> None:
    with pytest.raises(InputError, match="no identity matched"):
        read_snapshot(encrypted, keys[1].file, artifacts)
    with pytest.raises(InputError, match="--identity: the snapshot is encrypted"):
        read_snapshot(encrypted, None, artifacts)
    encrypted.write_bytes(encrypted.read_bytes()[:3000])
    with pytest.raises(InputError, match="cannot decrypt the snapshot"):
        read_snapshot(encrypted, keys[0].file, artifacts)
    assert list(artifacts.iterdir()) == []
