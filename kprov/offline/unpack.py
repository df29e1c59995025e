"""Reads an export and unpacks it to the operator's cache, checked by hash: wholly or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from kprov.bundle import store
from kprov.errors import InputError
from kprov.inventory import operator_files
from kprov.offline import manifest
from kprov.offline.manifest import ExportedFile, Manifest
from kprov.offline.signature import LIMIT, NAME, Signature, check_trust, verify_manifest

DEFAULT = store.DEFAULT.with_name("offline")
KEEP = 3  # unpacked exports to keep
_BLOCK = 1 << 20
#: Bytes of the largest manifest.
_MANIFEST = 64 << 20


@dataclass(frozen=True)
class Export:
    """An unpacked export: the file it came from, its manifest, and the folder of its files."""

    file: Path
    manifest: Manifest
    folder: Path
    #: Who signed it; None for an unsigned export.
    signature: Signature | None = None

    def path(self, name: str) -> Path:
        """Return the place of one of the manifest's files."""
        return self.folder / name


def unpack_export(file: Path, *, cache: Path = DEFAULT, trusted: list[str] | None = None) -> Export:
    """Unpack the export unless the cache has it. With `trusted` keys, one of them must have signed it.

    Raises:
        InputError: the file is no export, is truncated or damaged, is of another version of kprov, or
            its signature is wrong, or is missing although there are trusted keys.

    """
    with _open_archive(file) as tar:
        encoded = _read_first(tar, file)
        members = iter(tar.next, None)
        second = next(members, None)
        signed = verify_manifest(encoded, _read_signature(tar, second), file)
        if trusted is not None:
            check_trust(signed, trusted, file)
        if second is not None and second.name != NAME:
            members = chain([second], members)
        export_manifest = manifest.parse_manifest(encoded, file)
        _check_size(file, export_manifest)
        with store.lock_cache(cache):
            place = cache / hashlib.sha256(encoded).hexdigest()[:16]
            store.ensure_folder(
                place, lambda target: _unpack_files(tar, members, export_manifest, target, file)
            )
            place.touch()
            _remove_old(cache)
    return Export(file, export_manifest, place, signed)


def _check_size(file: Path, export_manifest: Manifest) -> None:
    """Raise InputError if the file cannot have all that its manifest names, without reading it."""
    size, least = file.stat().st_size, sum(entry.size for entry in export_manifest.files.values())
    if size < least:
        raise InputError(f"the export is truncated: it has {size} bytes of more than {least}", file=file)


def _remove_old(cache: Path) -> None:
    """Remove the exports that no run has used for longest."""
    exports = sorted(
        (folder for folder in cache.iterdir() if folder.is_dir()), key=lambda folder: -folder.stat().st_mtime
    )
    for old in exports[KEEP:]:
        shutil.rmtree(old)


@contextmanager
def _open_archive(file: Path) -> Iterator[tarfile.TarFile]:
    operator_files.check_file(file)
    try:
        with tarfile.open(file, "r:") as tar:
            yield tar
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", file=file) from None
    except tarfile.TarError as error:
        raise InputError(f"is not an export of kprov, or is truncated: {error}", file=file) from None


def _read_first(tar: tarfile.TarFile, file: Path) -> bytes:
    member = tar.next()
    fits = member is not None and member.name == manifest.NAME and member.size <= _MANIFEST
    content = tar.extractfile(member) if member is not None and fits else None
    if content is None:
        raise InputError("is not an export of kprov", file=file)
    return content.read()


def _read_signature(tar: tarfile.TarFile, member: tarfile.TarInfo | None) -> bytes | None:
    """Return the signature if this member is one; empty if it is none of a right size."""
    if member is None or member.name != NAME:
        return None
    content = tar.extractfile(member) if member.size <= LIMIT else None
    return content.read() if content is not None else b""


def _unpack_files(
    tar: tarfile.TarFile,
    members: Iterator[tarfile.TarInfo],
    export_manifest: Manifest,
    target: Path,
    file: Path,
) -> None:
    """Write all files of the manifest below `target`. Raises InputError if one is missing or damaged."""
    missing = dict(export_manifest.files)
    for member in members:
        expected = missing.pop(member.name, None)
        content = tar.extractfile(member)
        if expected is None or content is None:
            raise InputError(f"the export is damaged: it has an unknown member {member.name}", file=file)
        path = target / member.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _copy_checked(content, path, expected):
            raise InputError(
                f"the export is truncated or damaged: {member.name} has another SHA-256 than its manifest",
                file=file,
            )
    if missing:
        raise InputError(f"the export is truncated: {min(missing)} is missing", file=file)


def _copy_checked(content: IO[bytes], path: Path, expected: ExportedFile) -> bool:
    """Copy a file; return whether size and hash are those of the manifest."""
    total, size = hashlib.sha256(), 0
    with path.open("wb") as out:
        while block := content.read(_BLOCK):
            total.update(block)
            size += len(block)
            out.write(block)
    return size == expected.size and total.hexdigest() == expected.sha256
