"""Temporary files whose names say who made them: what a killed agent left, the next one removes.

They are called `.kprov-MACHINE-BOOT-PID-START-` and something by chance. A task that was killed is done
again, in the same folder; there everything goes whose maker does not live any more. Those of other
machines stay: the folder may be shared.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time

from kprov.agent import checksums

PREFIX = ".kprov-"
_FIELDS = 5
#: Folders that this process has swept: whoever dies while it lives is another run's to clean up after.
_swept: set[str] = set()


def make_file(folder: str | None = None, suffix: str = "") -> tuple[int, str]:
    """A new empty file (its handle, its path) for its owner only; by default where temporary files go."""
    import tempfile

    folder = folder or tempfile.gettempdir()
    remove_abandoned(folder)
    return tempfile.mkstemp(prefix=_name_prefix(os.getpid()), suffix=suffix, dir=folder)


def make_name(folder: str) -> str:
    """A path in a folder at which nothing is yet."""
    remove_abandoned(folder)
    return os.path.join(folder, f"{_name_prefix(os.getpid())}{time.time_ns()}")


def remove_abandoned(folder: str) -> None:
    """Remove from a folder, once a process, what processes of this machine left that live no more."""
    if folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError):
        for found in os.listdir(folder):
            if found.startswith(PREFIX) and _is_abandoned(found):
                path = os.path.join(folder, found)
                with contextlib.suppress(OSError):
                    import shutil

                    if os.path.isdir(path) and not os.path.islink(path):
                        shutil.rmtree(path)
                    else:
                        os.unlink(path)


def _is_abandoned(found: str) -> bool:
    parts = found[len(PREFIX) :].split("-")
    if len(parts) < _FIELDS or parts[0] != machine_id():
        return False
    return parts[1] != _boot_id() or parts[3] != read_start_time(int(parts[2]) if parts[2].isdigit() else 0)


@functools.lru_cache(maxsize=None)
def _name_prefix(pid: int) -> str:
    # A process that was forked has its own.
    return f"{PREFIX}{machine_id()}-{_boot_id()}-{pid}-{read_start_time(pid) or 0}-"


@functools.lru_cache(maxsize=None)
def machine_id() -> str:
    """A short name for this machine; cloned ones differ by their host name at least."""
    return checksums.hash_bytes("sha256", (_read_text("/etc/machine-id") + os.uname().nodename).encode())[:8]


@functools.lru_cache(maxsize=None)
def _boot_id() -> str:
    return _read_text("/proc/sys/kernel/random/boot_id").replace("-", "")[:8]


def read_start_time(pid: int) -> str:
    """When a process was started, in clock ticks since boot (proc(5)); empty when there is none."""
    return (_read_text(f"/proc/{pid}/stat").rpartition(")")[2].split() or [""] * 20)[19]


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read().strip()
    except OSError:
        return ""
