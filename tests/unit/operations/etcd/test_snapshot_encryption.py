"""The keys that a snapshot needs are known from the file: a restore without them is refused beforehand."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kprov.errors import InputError
from kprov.operations.etcd.raised_revision import append_entry, encode_entry
from kprov.operations.etcd.snapshot_content import decode_entry, read_entries
from kprov.operations.etcd.snapshot_encryption import describe_missing_keys

FILE = Path(__file__).with_name("snapshot.db.gz")
SECRET, MAP = b"/registry/secrets/default/a", b"/registry/configmaps/default/cm-17"


def encode(key: bytes, revision: int, value: bytes) -> bytes:
    """Return an entry of etcd's data with a value."""
    return encode_entry(key, revision) + b"\x2a" + bytes([len(value)]) + value


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A snapshot whose secret is encrypted with key1, and in its last revision with key2."""
    path = tmp_path / "x.db"
    path.write_bytes(gzip.decompress(FILE.read_bytes()))
    append_entry(path, path, 1000, encode(SECRET, 1000, b"k8s:enc:secretbox:v1:key1:\x01\xff"))
    append_entry(path, path, 1001, encode(SECRET, 1001, b"k8s:enc:aescbc:v1:key2:\x01\xff"))
    return path


def test_a_snapshot_names_the_key_of_the_last_value(database: Path) -> None:
    revision, keys, encryption = read_entries(database, database)
    assert (revision, keys[SECRET]) == (1001, 1001)
    assert encryption == {SECRET: "key2"}


def test_a_plain_value_needs_no_key(database: Path) -> None:
    append_entry(database, database, 1002, encode(SECRET, 1002, b"k8s\x00plain"))
    assert read_entries(database, database)[2] == {}


def test_an_entry_has_a_key_and_a_value() -> None:
    assert decode_entry(encode(b"/a", 7, b"value")) == (b"/a", b"value")
    assert decode_entry(encode_entry(b"/deleted", 300)) == (b"/deleted", b"")
    for damaged in (b"\x12\x01a", b"\x0a\x01a\x99\x01", b"\x0a\x01a\x2a"):
        with pytest.raises(IndexError):
            decode_entry(damaged)


def test_the_missing_keys_are_named_with_what_they_encrypted() -> None:
    encryption = {SECRET: "key1", SECRET + b"b": "key1", MAP: "key1", b"/registry/secrets/x/y": "key2"}
    assert describe_missing_keys(encryption, ["key1", "key2"]) == ""
    assert describe_missing_keys(encryption, ["key2"]) == "1 configmaps and 2 secrets encrypted with key1"
    assert describe_missing_keys(encryption, []).endswith(
        "encrypted with key1, 1 secrets encrypted with key2"
    )


def test_a_damaged_entry_is_an_error_with_the_name_of_the_file(database: Path) -> None:
    append_entry(database, database, 1003, b"\x0a\x01a\x99\x01")
    with pytest.raises(InputError, match=r"bad\.db: the database is damaged"):
        read_entries(database, Path("bad.db"))
