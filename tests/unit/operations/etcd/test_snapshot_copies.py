"""Where copies of snapshots are written, and which ones are removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.etcd.snapshot_copies import choose_snapshot, fetch_missing, fetch_snapshot, remove_old
from kprov.operations.etcd.snapshots import Snapshot

SNAPSHOT = Path(__file__).with_name("snapshot.db.gz")


def make_snapshot(number: int, *, encrypted: bool = False) -> Snapshot:
    name = f"etcd-2026010{number}T030405Z-{number}.db.gz" + (".age" if encrypted else "")
    return Snapshot("a", name, number, number, number, 1, 1, 1, "", encrypted, 0.1)


class Source:
    """Has one snapshot under many names."""

    def list_snapshots(self) -> list[Snapshot]:
        return [make_snapshot(number) for number in range(1, 4)]

    def download(self, snapshot: Snapshot, target: Path) -> None:
        target.write_bytes(SNAPSHOT.read_bytes())


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_gets_the_file_under_its_name(tmp_path: Path, exists: bool) -> None:
    folder = tmp_path / "backup"
    if exists:
        folder.mkdir()
    snapshot = make_snapshot(1)
    assert fetch_snapshot(Source(), snapshot, folder) == folder / snapshot.file


def test_a_db_file_is_decompressed(tmp_path: Path) -> None:
    path = fetch_snapshot(Source(), make_snapshot(1), tmp_path / "etcd.db")
    assert path.stat().st_size % 512 == 32
    assert [entry.name for entry in tmp_path.iterdir()] == ["etcd.db"]


def test_an_encrypted_snapshot_is_not_written_as_a_database(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--output: the snapshot is encrypted"):
        fetch_snapshot(Source(), make_snapshot(1, encrypted=True), tmp_path / "etcd.db")


def test_only_missing_snapshots_are_fetched_and_the_newest_stay(tmp_path: Path) -> None:
    source = Source()
    found = source.list_snapshots()
    folder = tmp_path / "backup"
    assert len(list(fetch_missing(source, found[:2], folder))) == 2
    (folder / "etcd.key").write_text("mine")
    assert [path.name for path in fetch_missing(source, found, folder)] == [found[2].file]
    assert [path.name for path in remove_old(folder, 1)] == [found[0].file, found[1].file]
    assert sorted(path.name for path in folder.iterdir()) == [found[2].file, "etcd.key"]
    assert remove_old(folder, 1) == []


def test_a_file_is_no_folder_for_copies(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.touch()
    with pytest.raises(InputError, match="--output: is not a folder"):
        list(fetch_missing(Source(), Source().list_snapshots(), file))


def test_the_newest_or_the_named_snapshot_is_chosen() -> None:
    found = Source().list_snapshots()
    assert choose_snapshot(found, "") == found[-1]
    assert choose_snapshot(found, found[0].file) == found[0]
    with pytest.raises(InputError, match="--name: there is no snapshot 'x'"):
        choose_snapshot(found, "x")
    with pytest.raises(InputError, match="there are no snapshots"):
        choose_snapshot([], "")
