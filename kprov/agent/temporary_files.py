"""Temporary files named after their process, so that the next agent removes those of a killed one.

Their names are `.kprov-MACHINE-BOOT-PID-START-` and a random part. A killed task runs again in the same
folder, and files there whose process no longer runs are removed. Files of other
machines stay, because the folder may be shared.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time

from kprov.agent import checksums

PREFIX = ".kprov-"
_FIELDS = 5
#: Folders that this process has cleaned already.
_swept: set[str] = set()


def make_file(folder: str | None = None, suffix: str = "") -> tuple[int, str]:
    """Make an empty private file, by default in the temporary folder; return its handle and path."""
    import tempfile

    folder = folder or tempfile.gettempdir()
    remove_abandoned(folder)
    return tempfile.mkstemp(prefix=_name_prefix(os.getpid()), suffix=suffix, dir=folder)


def make_name(folder: str) -> str:
    """Return an unused path in a folder."""
    remove_abandoned(folder)
    return os.path.join(folder, f"{_name_prefix(os.getpid())}{time.time_ns()}")


def remove_abandoned(folder: str) -> None:
    """Remove a folder's temporary files of this machine whose process no longer runs, once per process."""
    if folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(PREFIX) and _is_abandoned(name):
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    import shutil

                    if os.path.isdir(path) and not os.path.islink(path):
                        shutil.rmtree(path)
                    else:
                        os.unlink(path)


def _is_abandoned(name: str) -> bool:
    parts = name[len(PREFIX) :].split("-")
    if len(parts) < _FIELDS or parts[0] != machine_id():
        return False
    return parts[1] != _boot_id() or parts[3] != read_start_time(int(parts[2]) if parts[2].isdigit() else 0)


@functools.lru_cache(maxsize=None)
def _name_prefix(pid: int) -> str:
    # A forked process has its own prefix.
    return f"{PREFIX}{machine_id()}-{_boot_id()}-{pid}-{read_start_time(pid) or 0}-"


@functools.lru_cache(maxsize=None)
def machine_id() -> str:
    """Return a short id of this machine; cloned machines differ at least in their host name."""
    return checksums.hash_bytes("sha256", (_read_text("/etc/machine-id") + os.uname().nodename).encode())[:8]


@functools.lru_cache(maxsize=None)
def _boot_id() -> str:
    return _read_text("/proc/sys/kernel/random/boot_id").replace("-", "")[:8]


def read_start_time(pid: int) -> str:
    """Return when a process started, in clock ticks since boot (proc(5)); empty without one."""
    return (_read_text(f"/proc/{pid}/stat").rpartition(")")[2].split() or [""] * 20)[19]


def _read_text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as source:
            return source.read().strip()
    except OSError:
        return ""
