"""Copies of snapshots on the operator's machine: fetch one, or all that a folder does not have yet."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from kprov.errors import InputError
from kprov.operations.etcd.snapshot_file import unpack_snapshot
from kprov.operations.etcd.snapshots import Snapshot
from kprov.pki.files import make_folder

#: Names that the hosts give to snapshots. They sort by the time.
_NAME = re.compile(r"etcd-\d{8}T\d{6}Z-\d+\.db\.gz(\.age)?")


class SnapshotSource(Protocol):
    """Where snapshots are: on the hosts, or in a store."""

    def list_snapshots(self) -> list[Snapshot]:
        """Return the snapshots, the oldest first."""

    def download(self, snapshot: Snapshot, target: Path) -> None:
        """Copy a snapshot to a new file with mode 0600 and check its sum."""


def choose_snapshot(snapshots: list[Snapshot], name: str) -> Snapshot:
    """Return the snapshot with this file name, or the newest one. Raises InputError."""
    if not snapshots:
        raise InputError("there are no snapshots: `kprov etcd snapshot take` takes one")
    if not name:
        return snapshots[-1]
    for snapshot in snapshots:
        if snapshot.file == name:
            return snapshot
    raise InputError(f"there is no snapshot {name!r}; `kprov etcd snapshot list` shows all", field="--name")


def fetch_snapshot(source: SnapshotSource, snapshot: Snapshot, target: Path) -> Path:
    """Copy a snapshot to a file or folder of this machine and check it; return the path.

    The file is as the source has it if its name ends so (.gz, .age), otherwise it is decompressed.
    A name without a suffix is that of a folder.
    """
    path = target if target.suffix and not target.is_dir() else target / snapshot.file
    make_folder(path.parent)
    if snapshot.encrypted and path.suffix != ".age":
        raise InputError(
            "the snapshot is encrypted with age: choose a name that ends in .age",
            file=path,
            field="--output",
        )
    if path.suffix in (".gz", ".age"):
        source.download(snapshot, path)
        return path
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".kprov-") as folder:
        packed = Path(folder) / snapshot.file
        source.download(snapshot, packed)
        unpack_snapshot(packed, path)
    return path


def fetch_missing(source: SnapshotSource, snapshots: list[Snapshot], folder: Path) -> Iterator[Path]:
    """Copy the snapshots that a folder does not have, the oldest first; yield each path."""
    make_folder(folder)
    if not folder.is_dir():
        raise InputError("is not a folder", file=folder, field="--output")
    for snapshot in snapshots:
        if not (folder / snapshot.file).exists():
            yield fetch_snapshot(source, snapshot, folder)


def remove_old(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest snapshots of a folder; return the removed ones. Other files stay."""
    files = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    removed = files[: max(0, len(files) - keep)]
    for path in removed:
        path.unlink()
    return removed
