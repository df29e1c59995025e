"""What a snapshot has: its revision, its time, and the keys with their revisions. Read without an etcd."""

from __future__ import annotations

import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kprov.errors import InputError
from kprov.operations.etcd.bolt_file import open_bolt
from kprov.operations.etcd.snapshot_file import unpack_snapshot

#: The name that the hosts give to snapshots has the time.
_TIME = re.compile(r"(\d{8}T\d{6}Z)")
_FOLDER = ".restore-"
#: A revision: the transaction, "_", the number in the transaction, and "t" if the key was deleted.
_REVISION = struct.Struct(">QcQ")
_KEY_TAG = 0x0A


@dataclass(frozen=True)
class SnapshotContent:
    """`keys`: the revision of the last change by key, of the keys that exist. `taken`: seconds since 1970.

    `sha256`: the sum in the snapshot; it is the same for the plain, the compressed and the encrypted file.
    """

    sha256: str
    size: int
    taken: float
    revision: int
    keys: dict[bytes, int]


@contextmanager
def open_snapshot(source: Path, identity: Path | None, artifacts: Path) -> Iterator[tuple[Path, str]]:
    """Unpack a snapshot into a private folder of artifacts/ as long as it is needed; yield it and its sum.

    Removes what a killed run left. Raises InputError if the file is no complete snapshot.
    """
    for folder in artifacts.glob(f"{_FOLDER}*"):
        shutil.rmtree(folder)
    with tempfile.TemporaryDirectory(dir=artifacts, prefix=_FOLDER) as name:
        path = Path(name) / "snapshot.db"
        digest = unpack_snapshot(source, path, identity)
        yield path, digest


def read_snapshot(source: Path, identity: Path | None, artifacts: Path) -> SnapshotContent:
    """Read a snapshot file. Raises InputError."""
    with open_snapshot(source, identity, artifacts) as (path, digest):
        revision, keys = read_keys(path, source)
        return SnapshotContent(digest, path.stat().st_size, find_time(source), revision, keys)


def read_keys(path: Path, source: Path) -> tuple[int, dict[bytes, int]]:
    """Return the revision of etcd's data, and the revision of the last change of each key that exists."""
    newest = 0
    keys: dict[bytes, int] = {}
    with open_bolt(path, source) as database:
        for name, value in database.read_bucket(b"key"):
            try:
                revision, _separator, _sub = _REVISION.unpack_from(name)
                key = decode_key(value)
            except (struct.error, IndexError) as error:
                raise InputError(f"the database is damaged: {error}", file=source) from None
            newest = max(newest, revision)
            if len(name) > _REVISION.size:
                keys.pop(key, None)
            else:
                keys[key] = revision
    if not newest:
        raise InputError("the snapshot is empty", file=source)
    return newest, keys


def decode_key(value: bytes) -> bytes:
    """Return the field `key` of an encoded mvccpb.KeyValue, which is the first one."""
    if value[0] != _KEY_TAG:
        raise IndexError("an entry has no key")
    size = shift = 0
    position = 1
    while True:
        byte = value[position]
        position += 1
        size |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value[position : position + size]
        shift += 7


def find_time(source: Path) -> float:
    """Return when a snapshot was taken: the time in its name, otherwise that of the file's last change."""
    match = _TIME.search(source.name)
    if match:
        try:
            return datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        except ValueError:
            pass
    return source.stat().st_mtime
