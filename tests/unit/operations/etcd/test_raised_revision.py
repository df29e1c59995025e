"""Snapshots with a raised revision are as complete as before. tests/apiserver lets an etcd restore them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kprov.operations.etcd.raised_revision import FOLDER, MARGIN, choose_revision, raise_revision
from kprov.operations.etcd.snapshot_content import read_entries
from kprov.operations.etcd.snapshot_file import check_snapshot

FILE = Path(__file__).with_name("snapshot.db.gz")


@pytest.mark.parametrize("times", [1, 100], ids=["in its page", "with new pages"])
def test_a_raised_snapshot_has_one_more_key_each_time(tmp_path: Path, times: int) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(gzip.decompress(FILE.read_bytes()))
    size = path.stat().st_size
    _revision, before, _encryption = read_entries(path, path)
    raised = {}
    for number in range(1, times + 1):
        raise_revision(path, path, number * 10**12)
        raised[f"{FOLDER}{number * 10**12}".encode()] = number * 10**12
    check_snapshot(path, path)
    assert read_entries(path, path)[:2] == (times * 10**12, before | raised)
    assert (path.stat().st_size > size) == (times > 1)


def test_the_revision_is_the_time_unless_the_cluster_is_ahead_of_it() -> None:
    assert choose_revision(500, 1_700_000_000_000) == 1_700_000_000_000
    assert choose_revision(1_700_000_000_500, 1_700_000_000_000) == 1_700_000_000_500 + MARGIN
