"""Free space of folders' filesystems, and the latency of small synchronous writes."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

#: Bytes of a write, as in etcd's recommendation to measure its disk with fio: a typical entry of its log.
_BYTES = 2048
_WRITES = 2000


def read_space(paths: list[str]) -> dict[str, dict[str, Any]]:
    """Return mount point, device and free space for each folder, or for where it will be created."""
    spaces = {}
    for path in paths:
        existing = _find_existing(path)
        room = os.statvfs(existing)
        spaces[path] = {
            "mount": _find_mount(existing),
            "device": str(os.stat(existing).st_dev),
            "free_mb": room.f_bavail * room.f_frsize >> 20,
        }
    return spaces


def measure_fsync(path: str, seconds: float) -> dict[str, Any]:
    """Append small blocks to a nameless file in the folder, each with fdatasync; return latencies in ms."""
    block = b"\0" * _BYTES
    handle = _open_nameless(_find_existing(path))
    took: list[float] = []
    try:
        until = time.monotonic() + seconds
        while len(took) < _WRITES and time.monotonic() < until:
            begun = time.perf_counter()
            os.write(handle, block)
            os.fdatasync(handle)
            took.append((time.perf_counter() - begun) * 1000)
    finally:
        os.close(handle)
    took.sort()
    return {
        "writes": len(took),
        "p50_ms": round(took[len(took) // 2], 2),
        "p99_ms": round(took[min(len(took) - 1, len(took) * 99 // 100)], 2),
    }


def _open_nameless(folder: str) -> int:
    """Open a file without a name, which is gone when it is closed or the agent dies."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_APPEND, 0o600)
    except OSError:
        # The filesystem has no such files.
        handle, path = tempfile.mkstemp(prefix=".kprov-", dir=folder)
        os.unlink(path)
        return handle


def _find_existing(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _find_mount(path: str) -> str:
    path = os.path.realpath(path)
    while not os.path.ismount(path):
        path = os.path.dirname(path)
    return path
