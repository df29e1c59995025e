"""Reads snapshot files on this machine: plain, compressed with gzip, encrypted with age."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import IO

from kprov.errors import InputError
from kprov.inventory import operator_files

_AGE = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")
_GZIP = b"\x1f\x8b"
_SUM_BYTES = 32
_PART = 1 << 20


def unpack_snapshot(source: Path, target: Path, identity: Path | None = None) -> str:
    """Decrypt and decompress a snapshot to a new file with mode 0600; return the SHA-256 sum in it.

    `identity` is the file with age's secret key. Raises InputError if it is no complete snapshot of etcd.
    """
    aside = target.with_name(f".{target.name}.part")
    aside.unlink(missing_ok=True)
    plain = target.with_name(f".{target.name}.plain")
    try:
        current = source
        if is_encrypted(source):
            decrypt_file(source, plain, identity)
            current = plain
        with _create(aside) as output, _open_input(current) as file:
            try:
                shutil.copyfileobj(file, output, _PART)
            except (EOFError, OSError, zlib.error) as error:
                raise InputError(f"the snapshot is damaged: {error}", file=source) from None
        digest = check_snapshot(aside, source)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
        plain.unlink(missing_ok=True)
    return digest


def is_encrypted(path: Path) -> bool:
    """Whether a file is encrypted with age. Raises InputError for what is no regular file."""
    operator_files.check_file(path)
    try:
        with path.open("rb") as file:
            return file.read(40).startswith(_AGE)
    except OSError as error:
        raise InputError(f"cannot read the snapshot: {error.strerror}", file=path) from None


def decrypt_file(source: Path, target: Path, identity: Path | None) -> None:
    """Decrypt a file with age. Raises InputError."""
    if identity is None:
        raise InputError(
            "the snapshot is encrypted: name the file with its secret key", file=source, field="--identity"
        )
    if shutil.which("age") is None:
        raise InputError("the snapshot is encrypted, and the program age is not installed here", file=source)
    target.unlink(missing_ok=True)
    command = ["age", "--decrypt", "--identity", str(identity), "--output", str(target), str(source)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, preexec_fn=lambda: os.umask(0o077)
    )
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no error message"])[0]
        raise InputError(f"cannot decrypt the snapshot: {reason}", file=source)


def check_snapshot(path: Path, source: Path) -> str:
    """Return the SHA-256 sum at the end of a snapshot, if it is right. Raises InputError that names `source`.

    `etcdctl snapshot save` appends the sum to the database, whose size is a multiple of 512.
    """
    size = path.stat().st_size
    if size < 512 or size % 512 != _SUM_BYTES:
        raise InputError("this is not a snapshot of etcd (`etcdctl snapshot save` writes them)", file=source)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = size - _SUM_BYTES
        while left:
            part = file.read(min(_PART, left))
            digest.update(part)
            left -= len(part)
        expected = file.read()
    if digest.digest() != expected:
        raise InputError("the snapshot is damaged: its SHA-256 sum is wrong", file=source)
    return digest.hexdigest()


def _open_input(path: Path) -> IO[bytes]:
    operator_files.check_file(path)
    with path.open("rb") as file:
        is_compressed = file.read(2) == _GZIP
    return gzip.open(path) if is_compressed else path.open("rb")  # type: ignore[return-value]


def _create(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
