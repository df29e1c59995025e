"""The locks of apt and dpkg: who holds them, waiting for them, and failures because of them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import time
from typing import Any

from kprov.agent.context import ModuleError

_FRONTEND = "/var/lib/dpkg/lock-frontend"
#: struct flock of Linux on 64 bit: type, whence, start, length, pid.
_FLOCK = "hhqqi4x"


def find_lock_holder(path: str) -> int | None:
    """Return the process that holds a lock; None if there is none, or if it belongs to this agent."""
    try:
        handle = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        request = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(handle, fcntl.F_GETLK, request))
        return None if kind == fcntl.F_UNLCK else int(pid)
    finally:
        os.close(handle)


def wait_for_lock(path: str, args: dict[str, Any]) -> None:
    """Wait at most `lock_timeout` seconds for a lock. The program that needs the lock would not wait."""
    deadline = time.monotonic() + args["lock_timeout"]
    while True:
        pid = find_lock_holder(path)
        if pid is None:
            return
        if time.monotonic() >= deadline:
            holder_text = f"{_describe_lock_holder(path, pid)} for more than {args['lock_timeout']} s"
            raise ModuleError(f"Failed to lock apt for exclusive operation: {holder_text}")
        time.sleep(0.2)


def wait_for_dpkg_lock(args: dict[str, Any]) -> None:
    """Wait for dpkg's lock: dpkg itself fails at once if another process holds it."""
    wait_for_lock(_FRONTEND, args)


def explain_failure(text: str, err: str, args: dict[str, Any]) -> str:
    """Return the text of a failure. If a lock is the cause, put the process that holds it first."""
    match = re.search(r"Could not get lock (\S+?)\.? It is held by process (\d+)(?: \(([^)]*)\))?", err)
    if match is not None:
        path, pid, name = match.groups()
        holder_text = _describe_lock_holder(path, int(pid), name)
    else:
        # After a wait, apt-get names the holder only on standard output.
        lock = re.search(r"(?:Could not get|Unable to acquire the dpkg frontend) lock \(?(/[^\s),]+)", err)
        found_pid = find_lock_holder(lock[1]) if lock else None
        if lock is None or found_pid is None:
            return text
        holder_text = _describe_lock_holder(lock[1], found_pid)
    return f"{holder_text} for more than {args['lock_timeout']} s; {text}"


def _describe_lock_holder(path: str, pid: int, name: str | None = None) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        name = file.read().strip()
    return f"{path} is held by process {pid} ({name or 'which has ended since'})"
