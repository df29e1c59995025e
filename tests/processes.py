"""Looks for processes of this machine, which may end at any moment while one looks."""

from __future__ import annotations

import time
from pathlib import Path


def read_arguments(pid: int) -> list[str]:
    """Return the arguments of a process; none when it has ended, also when nobody has reaped it yet."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def find_processes(*arguments: str) -> list[int]:
    """Return the processes whose arguments contain the given ones, one after another."""
    wanted = "\0".join(("", *arguments, ""))
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]
    return [pid for pid in pids if wanted in "\0".join(("", *read_arguments(pid), ""))]


def await_end(pid: int, *, seconds: float = 10) -> None:
    """Wait until a process has ended: the kernel ends a killed one only when it is scheduled."""
    deadline = time.monotonic() + seconds
    while arguments := read_arguments(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs: {' '.join(arguments)}"
        time.sleep(0.02)
