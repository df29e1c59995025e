"""Files of the operator's that hosts may ask for: what they are known by, worked out once for all hosts."""

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
    """Checksums of a file by hashlib's algorithms, hexadecimal, to come; kept while the file is the same."""
    now = path.stat()
    key = (str(path), now.st_mtime_ns, now.st_size, names)
    # Hosts ask at the same moment: the file is read once for all of them.
    with _asking:
        if key not in _known or (_known[key].done() and _known[key].exception()):
            _known[key] = _pool.submit(_compute_checksums, path, names)
        return _known[key]


def checksum(path: Path, name: str = "sha256") -> str:
    """One of them, waited for. Raises OSError."""
    return start_checksums(path, name).result()[0]


def _compute_checksums(path: Path, names: tuple[str, ...]) -> list[str]:
    running = [hashlib.new(name, usedforsecurity=False) for name in names]
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            for one in running:
                one.update(part)
    return [one.hexdigest() for one in running]
