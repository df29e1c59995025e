"""Snapshot files of the operator: plain and compressed ones are read, damaged ones rejected before a host is changed."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.etcd.snapshot_file import unpack_snapshot

DATABASE = bytes(range(256)) * 64
SNAPSHOT = DATABASE + hashlib.sha256(DATABASE).digest()


@pytest.mark.parametrize("content", [SNAPSHOT, gzip.compress(SNAPSHOT)], ids=["plain", "compressed"])
def test_a_snapshot_is_unpacked_for_its_owner_only(tmp_path: Path, content: bytes) -> None:
    source, target = tmp_path / "in", tmp_path / "out.db"
    source.write_bytes(content)
    assert unpack_snapshot(source, target) == hashlib.sha256(DATABASE).hexdigest()
    assert target.read_bytes() == SNAPSHOT
    assert target.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (SNAPSHOT[:-1], "not a snapshot of etcd"),
        (b"x" + SNAPSHOT[1:], "its SHA-256 sum is wrong"),
        (gzip.compress(SNAPSHOT)[:-20], "damaged"),
        (b"", "not a snapshot of etcd"),
        (b"age-encryption.org/v1\n-> X25519", "name the file with its secret key"),
    ],
    ids=["cut", "changed", "compressed and cut", "empty", "encrypted"],
)
def test_a_damaged_file_is_named_and_nothing_is_left(tmp_path: Path, content: bytes, problem: str) -> None:
    source = tmp_path / "in"
    source.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        unpack_snapshot(source, tmp_path / "out.db")
    assert str(source) in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_device_is_refused_and_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="/dev/zero: is a device"):
        unpack_snapshot(Path("/dev/zero"), tmp_path / "out.db")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        unpack_snapshot(tmp_path / "in", tmp_path / "out.db")
