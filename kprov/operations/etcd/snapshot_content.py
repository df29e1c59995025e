"""What a snapshot has: its revision, its time, and the keys with their revisions. Read without an etcd."""

from __future__ import annotations

import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
#: Fields of mvccpb.KeyValue, with their wire types: `key`, numbers, and `value`.
_KEY_TAG, _VALUE_TAG = 0x0A, 0x2A
_NUMBER_TAGS = frozenset({0x10, 0x18, 0x20, 0x30})
#: How the API server stores an encrypted value: provider, version and the key's name.
_ENCRYPTED = re.compile(rb"k8s:enc:[^:]+:v\d+:([^:]+):")


@dataclass(frozen=True)
class SnapshotContent:
    """`keys`: the revision of the last change by key, of the keys that exist. `taken`: seconds since 1970.

    `sha256`: the sum in the snapshot; it is the same for the plain, the compressed and the encrypted file.
    `encryption`: the name of the key that encrypted a value, by the value's key in etcd.
    """

    sha256: str
    size: int
    taken: float
    revision: int
    keys: dict[bytes, int]
    encryption: dict[bytes, str] = field(default_factory=dict)


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
        revision, keys, encryption = read_entries(path, source)
        size, taken = path.stat().st_size, find_time(source)
        return SnapshotContent(digest, size, taken, revision, keys, encryption)


def read_entries(path: Path, source: Path) -> tuple[int, dict[bytes, int], dict[bytes, str]]:
    """Return the revision of etcd's data; of the keys that exist, the last revision and the encryption key.

    Raises InputError.
    """
    newest = 0
    keys: dict[bytes, int] = {}
    encryption: dict[bytes, str] = {}
    with open_bolt(path, source) as database:
        for name, value in database.read_bucket(b"key"):
            try:
                revision, _separator, _sub = _REVISION.unpack_from(name)
                key, content = decode_entry(value)
            except (struct.error, IndexError) as error:
                raise InputError(f"the database is damaged: {error}", file=source) from None
            newest = max(newest, revision)
            encryption.pop(key, None)
            if len(name) > _REVISION.size:
                keys.pop(key, None)
            else:
                keys[key] = revision
                if encrypted := _ENCRYPTED.match(content):
                    encryption[key] = encrypted[1].decode("utf-8", "replace")
    if not newest:
        raise InputError("the snapshot is empty", file=source)
    return newest, keys, encryption


def decode_entry(entry: bytes) -> tuple[bytes, bytes]:
    """Return the fields `key` and `value` of an encoded mvccpb.KeyValue. A deletion has no value."""
    if entry[0] != _KEY_TAG:
        raise IndexError("an entry has no key")
    size, position = _decode_varint(entry, 1)
    key, position = entry[position : position + size], position + size
    while position < len(entry):
        tag, (number, position) = entry[position], _decode_varint(entry, position + 1)
        if tag == _VALUE_TAG:
            return key, entry[position : position + number]
        if tag not in _NUMBER_TAGS:
            raise IndexError("an entry has an unknown field")
    return key, b""


def _decode_varint(data: bytes, position: int) -> tuple[int, int]:
    """Return the number at a position, and the position after it."""
    number = shift = 0
    while True:
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, position
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
