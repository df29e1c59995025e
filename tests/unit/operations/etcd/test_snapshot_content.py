"""What is in a snapshot, read without an etcd: `snapshot.db.gz` is one that etcd 3.5.16 wrote.

300 config maps were created; cm-7 and all names that begin with cm-2 (111) were deleted; a secret was written
twice; an APIService and an event were created.
"""

from __future__ import annotations

import gzip
import os
import struct
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.etcd.differences import describe_differences, find_kind
from kprov.operations.etcd.restore import format_age
from kprov.operations.etcd.snapshot_content import find_time, open_snapshot, read_entries, read_snapshot

FILE = Path(__file__).with_name("snapshot.db.gz")
REVISION = 307


def test_a_snapshot_has_the_keys_that_were_not_deleted_with_their_last_revision(tmp_path: Path) -> None:
    content = read_snapshot(FILE, None, tmp_path)
    assert content.revision == REVISION
    assert len(content.keys) == 300 - 1 - 111 + 3
    assert content.keys[b"/registry/secrets/default/a"] == 303
    assert b"/registry/configmaps/default/cm-7" not in content.keys
    assert b"/registry/configmaps/default/cm-17" in content.keys
    assert list(tmp_path.iterdir()) == []


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    old = tmp_path / ".restore-killed"
    old.mkdir()
    (old / "snapshot.db").write_bytes(b"x")
    with open_snapshot(FILE, None, tmp_path) as (path, _digest):
        assert not old.exists()
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("offset", "content"),
    [(0, b"\0" * 8192), (4096 * 2, b"\xff" * 4096 * 20)],
    ids=["meta pages", "other pages"],
)
def test_a_damaged_database_is_an_error_with_the_name_of_the_file(
    tmp_path: Path, offset: int, content: bytes
) -> None:
    data = bytearray(gzip.decompress(FILE.read_bytes()))
    data[offset : offset + len(content)] = content
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"bad\.db: .*database"):
        read_entries(path, Path("bad.db"))


def test_pages_in_a_circle_end_with_an_error(tmp_path: Path) -> None:
    data = bytearray(gzip.decompress(FILE.read_bytes()))
    for number in range(2, len(data) // 4096):
        # A branch with one child, which is the page itself.
        struct.pack_into("<QHHI", data, number * 4096, number, 1, 1, 0)
        struct.pack_into("<IIQ", data, number * 4096 + 16, 16, 0, number)
    path = tmp_path / "x.db"
    path.write_bytes(data)
    with pytest.raises(InputError, match="damaged"):
        read_entries(path, path)


def test_the_time_is_that_in_the_name_or_that_of_the_file(tmp_path: Path) -> None:
    assert find_time(tmp_path / "etcd-20260102T030405Z-17.db.gz.age") == 1767323045
    path = tmp_path / "mine.db"
    path.touch()
    os.utime(path, (1000, 1000))
    assert find_time(path) == 1000


def test_the_plan_names_what_comes_back_is_lost_and_changes() -> None:
    snapshot = {b"/registry/configmaps/a/x": 5, b"/registry/configmaps/a/y": 6, b"/registry/leases/a/b": 6}
    live = {
        b"/registry/configmaps/a/y": 9,
        b"/registry/pods/a/p": 8,
        b"/registry/pods/a/q": 8,
        b"/registry/leases/a/b": 10,
        b"/kprov/etcd-snapshots/last": 11,
    }
    assert describe_differences(snapshot, live) == [
        "configmaps: 1 restored (a/x), 1 changed back (a/y)",
        "pods: 2 removed (a/p, a/q)",
    ]
    assert describe_differences(snapshot, snapshot) == []


def test_the_plan_names_the_first_objects_of_a_kind() -> None:
    live = {f"/registry/pods/a/p{number}".encode(): 8 for number in range(9)}
    live |= {b"/registry/apiregistration.k8s.io/apiservices/v1.x": 3, b"/registry/namespaces/a": 2}
    assert describe_differences({}, live) == [
        "apiservices.apiregistration.k8s.io: 1 removed (v1.x)",
        "namespaces: 1 removed (a)",
        "pods: 9 removed (a/p0, a/p1, a/p2, a/p3, a/p4 and 4 more)",
    ]


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (b"/registry/secrets/default/a", "secrets"),
        (b"/registry/namespaces/default", "namespaces"),
        (b"/registry/services/specs/default/kubernetes", "services"),
        (b"/registry/services/endpoints/default/kubernetes", "endpoints"),
        (b"/registry/apiregistration.k8s.io/apiservices/v1.x", "apiservices.apiregistration.k8s.io"),
        (b"/kprov/etcd-snapshots/last", ""),
    ],
)
def test_the_kind_of_a_key(key: bytes, kind: str) -> None:
    assert find_kind(key) == kind


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (70, "70 s"), (600, "10 minutes"), (3 * 3600, "3 hours"), (200000, "2 days")],
)
def test_an_age_is_short(seconds: float, text: str) -> None:
    assert format_age(seconds) == text
