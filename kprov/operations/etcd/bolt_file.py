"""Reads bbolt databases, the format of etcd's data and of its snapshots, without a running etcd.

Format: go.etcd.io/bbolt, version 2: pages of a B+ tree, little endian, two meta pages of which the one with
the higher transaction is valid.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kprov.errors import InputError

_MAGIC = 0xED0CDAED
_VERSION = 2
_BRANCH, _LEAF = 0x01, 0x02
_BUCKET = 0x01
PAGE_HEADER = struct.Struct("<QHHI")
LEAF_ELEMENT = struct.Struct("<IIII")
_META = struct.Struct("<IIIIQQQQQQ")
_META_LIMIT, _META_TRANSACTION, _META_SUM = 7, 8, 9
_BRANCH_ELEMENT = struct.Struct("<IIQ")
_BUCKET_HEADER = struct.Struct("<QQ")
_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3
#: A tree of this height would have more entries than a file can hold: the pages form a circle.
_MAX_HEIGHT = 40

Entry = tuple[int, bytes, bytes]


@dataclass(frozen=True)
class Meta:
    """The valid meta page: where it is, and its fields. `page_limit`: the number of pages in use."""

    offset: int
    fields: tuple[int, ...]

    @property
    def page_size(self) -> int:
        """Bytes of a page."""
        return self.fields[2]

    @property
    def root(self) -> int:
        """The page with the buckets."""
        return self.fields[4]

    @property
    def page_limit(self) -> int:
        """The number of the first page that is not in use."""
        return self.fields[_META_LIMIT]

    def render(self, page_limit: int) -> bytes:
        """Return the fields for the file, with another number of pages."""
        fields = list(self.fields)
        fields[_META_LIMIT] = page_limit
        raw = _META.pack(*fields)[:-8]
        return raw + struct.pack("<Q", _hash_fnv(raw))


@dataclass(frozen=True)
class LastLeaf:
    """The page with the highest keys of a bucket: flags, keys and values of its entries.

    `reference`: the byte of the file at which the page's number stands. `page_count` is 0 for a bucket that
    is stored in its parent's page.
    """

    number: int
    page_count: int
    reference: int
    entries: list[Entry]


class BoltFile:
    """An open database."""

    def __init__(self, data: mmap.mmap, source: Path) -> None:
        self._data = data
        self._source = source
        self.meta = self._read_meta()

    def read_bucket(self, name: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Return the keys and values of a bucket in the order of the keys. Raises InputError."""
        try:
            _reference, offset = self._find_bucket(name)
            for _flags, key, value, _position in self._walk(offset, 0):
                yield key, value
        except (struct.error, IndexError, OverflowError) as error:
            raise InputError(f"the database is damaged: {error}", file=self._source) from None

    def find_last_leaf(self, name: bytes) -> LastLeaf:
        """Return the page with the highest keys of a bucket. Raises InputError."""
        reference, offset = self._find_bucket(name)
        while True:
            number, kind, count, overflow = PAGE_HEADER.unpack_from(self._data, offset)
            if kind & _LEAF or not count:
                break
            element = offset + PAGE_HEADER.size + _BRANCH_ELEMENT.size * (count - 1)
            reference = element + 8
            offset = _BRANCH_ELEMENT.unpack_from(self._data, element)[2] * self.meta.page_size
        is_own_page = offset == number * self.meta.page_size
        entries = [(flags, key, value) for flags, key, value, _position in self._walk(offset, 0)]
        return LastLeaf(number, overflow + 1 if is_own_page else 0, reference, entries)

    def _read_meta(self) -> Meta:
        metas = []
        for size in (4096, 8192, 16384, 32768, 65536):
            for number in (0, 1):
                offset = number * size + PAGE_HEADER.size
                if offset + _META.size > len(self._data):
                    continue
                fields = _META.unpack_from(self._data, offset)
                raw = self._data[offset : offset + _META.size - 8]
                if fields[:3] == (_MAGIC, _VERSION, size) and fields[_META_SUM] == _hash_fnv(raw):
                    metas.append(Meta(offset, fields))
        if not metas:
            raise InputError("this is not a database of etcd", file=self._source)
        return max(metas, key=lambda meta: meta.fields[_META_TRANSACTION])

    def _find_bucket(self, name: bytes) -> tuple[int, int]:
        """Return the byte at which the number of a bucket's first page stands, and the byte of that page."""
        for flags, key, value, position in self._walk(self.meta.root * self.meta.page_size, 0):
            if key == name and flags & _BUCKET:
                root, _sequence = _BUCKET_HEADER.unpack_from(value)
                offset = root * self.meta.page_size if root else position + _BUCKET_HEADER.size
                return position, offset
        raise InputError(f"the database has no bucket {name.decode()!r}", file=self._source)

    def _walk(self, offset: int, height: int) -> Iterator[tuple[int, bytes, bytes, int]]:
        """Return flags, key, value, and the byte of the value, of each entry below a page."""
        data = self._data
        _number, kind, count, _overflow = PAGE_HEADER.unpack_from(data, offset)
        if height > _MAX_HEIGHT or not kind & (_BRANCH | _LEAF):
            raise InputError(f"the database is damaged at byte {offset}", file=self._source)
        for index in range(count):
            element = offset + PAGE_HEADER.size + 16 * index
            if kind & _BRANCH:
                _position, _size, child = _BRANCH_ELEMENT.unpack_from(data, element)
                yield from self._walk(child * self.meta.page_size, height + 1)
                continue
            flags, position, key_size, value_size = LEAF_ELEMENT.unpack_from(data, element)
            start = element + position
            middle = start + key_size
            yield flags, data[start:middle], data[middle : middle + value_size], middle


@contextmanager
def open_bolt(path: Path, source: Path) -> Iterator[BoltFile]:
    """Open a database to read it. Raises InputError that names `source` if it is none."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield BoltFile(data, source)


def _hash_fnv(data: bytes) -> int:
    value = _FNV_OFFSET
    for byte in data:
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return value
