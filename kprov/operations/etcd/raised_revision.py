"""Raises the revision of an unpacked snapshot, so that a restored cluster does not use revisions again.

Clients that outlive the restore, such as operators in pods, know revisions from after the snapshot. With the
snapshot's own revision they would wait for changes that never come. After the raise their revisions are too
old, which makes them read everything again. `etcdutl snapshot restore --bump-revision` does the same, but
only since etcd 3.5.10.
"""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

from kprov.operations.etcd.bolt_file import LEAF_ELEMENT, PAGE_HEADER, open_bolt

#: Restores leave a key each, with the revision.
FOLDER = "/kprov/etcd-restores/"
#: Added to a known revision: more than a cluster writes until it is stopped.
MARGIN = 1_000_000_000
_LEAF = 0x02
_SUM_BYTES = 32
_PART = 1 << 20


def choose_revision(known: int, milliseconds: int) -> int:
    """Return the revision of a restored cluster: milliseconds since 1970, or more if a higher one is known.

    A cluster that writes less than a thousand times a second stays below it, so that a later restore has a
    higher one again, also if nothing is left of the cluster but an old snapshot.
    """
    return milliseconds if milliseconds > known else known + MARGIN


def raise_revision(path: Path, source: Path, revision: int) -> None:
    """Give an unpacked snapshot a higher revision, with a key that is stored as if a client had written it.

    Raises InputError that names `source`.
    """
    append_entry(path, source, revision, encode_entry(f"{FOLDER}{revision}".encode(), revision))


def append_entry(path: Path, source: Path, revision: int, entry: bytes) -> None:
    """Add the entry of a new, highest revision. Raises InputError that names `source`."""
    with open_bolt(path, source) as database:
        leaf = database.find_last_leaf(b"key")
        meta = database.meta
    page = render_leaf([*leaf.entries, (0, encode_revision(revision), entry)])
    count = -(-len(page) // meta.page_size)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - _SUM_BYTES)
        number = leaf.number
        if count > leaf.page_count:
            # The old page is not used any more; the next defragmentation releases it.
            number = meta.page_limit
            file.seek(leaf.reference)
            file.write(struct.pack("<Q", number))
            file.seek(meta.offset)
            file.write(meta.render(meta.page_limit + count))
        else:
            count = leaf.page_count
        file.seek(number * meta.page_size)
        header = PAGE_HEADER.pack(number, _LEAF, len(leaf.entries) + 1, count - 1)
        file.write((header + page[PAGE_HEADER.size :]).ljust(count * meta.page_size, b"\0"))
    append_sum(path)


def render_leaf(entries: list[tuple[int, bytes, bytes]]) -> bytes:
    """Return a leaf page with these flags, keys and values; its header is empty."""
    elements, contents = [], []
    position = LEAF_ELEMENT.size * len(entries)
    for flags, key, value in entries:
        elements.append(LEAF_ELEMENT.pack(flags, position, len(key), len(value)))
        contents += [key, value]
        # A position counts from its element.
        position += len(key) + len(value) - LEAF_ELEMENT.size
    return b"".join([bytes(PAGE_HEADER.size), *elements, *contents])


def encode_revision(revision: int) -> bytes:
    """Return the name of an entry: the transaction and the number in it."""
    return struct.pack(">QcQ", revision, b"_", 0)


def encode_entry(key: bytes, revision: int) -> bytes:
    """Return an mvccpb.KeyValue of a key that was created at this revision, with an empty value."""
    number = _encode_varint(revision)
    return b"\x0a" + _encode_varint(len(key)) + key + b"\x10" + number + b"\x18" + number + b"\x20\x01"


def append_sum(path: Path) -> None:
    """Append the SHA-256 sum, as `etcdctl snapshot save` does."""
    digest = hashlib.sha256()
    with path.open("r+b") as file:
        while part := file.read(_PART):
            digest.update(part)
        file.write(digest.digest())
        file.flush()
        os.fsync(file.fileno())


def _encode_varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)
