"""Checksums of the operator's files that hosts may request, computed once for all hosts."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

_Key = tuple[str, int, int, tuple[str, ...]]
_known: dict[_Key, Future[list[str]]] = {}
_asking = threading.Lock()
#: One file after the other: hashing is bound by memory and the processor.
_pool = ThreadPoolExecutor(1, "checksums")


def start_checksums(path: Path, *names: str) -> Future[list[str]]:
    """Return a future of a file's hexadecimal checksums by algorithm, cached until the file changes."""
    now = path.stat()
    key = (str(path), now.st_mtime_ns, now.st_size, names)
    # Hosts request it at the same moment: the file is read once for all of them.
    with _asking:
        if key not in _known or (_known[key].done() and _known[key].exception()):
            _known[key] = _pool.submit(_compute_checksums, path, names)
        return _known[key]


def checksum(path: Path, name: str = "sha256") -> str:
    """Wait for one checksum of a file. Raises OSError."""
    return start_checksums(path, name).result()[0]


def _compute_checksums(path: Path, names: tuple[str, ...]) -> list[str]:
    running = [hashlib.new(name, usedforsecurity=False) for name in names]
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            for digest in running:
                digest.update(part)
    return [digest.hexdigest() for digest in running]
