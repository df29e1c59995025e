"""One run at a time changes a host: agents of different runs take turns, those of one run go together.

One run may know a host under several names, or work on it as one user in several ways; an agent whose
connection was lost is asked about by its own run (see outcome), so only other runs have to wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Callable, Iterator

from kprov.agent import message_results

#: Seconds until the operator hears why nothing happens, and until the wait is given up.
PATIENCE = 3.0
LIMIT = 1800.0
_POLL = 0.05


class HostLockError(Exception):
    """A changing message may not begin."""


_held = {"handle": -1}


def _close_handle() -> None:
    # A lock belongs to all copies of its handle: what runs on in the background must not hold it.
    if _held["handle"] >= 0:
        os.close(_held["handle"])
        _held["handle"] = -1


os.register_at_fork(after_in_child=_close_handle)


@contextlib.contextmanager
def hold_lock(run: str, say: Callable[[str], None], gone: Callable[[], bool]) -> Iterator[bool]:
    """The turn of a run, or False when it did not come: `gone()` became true, or LIMIT has passed."""
    place = message_results.find_folder()
    if place is None:
        yield True
        return
    path = os.path.join(place, "turn")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HostLockError(f"nothing was done: {path}: {error.strerror}") from None
    _held["handle"] = handle
    try:
        yield _acquire(handle, run, say, gone)
    finally:
        _held["handle"] = -1
        os.close(handle)


def _acquire(handle: int, run: str, say: Callable[[str], None], gone: Callable[[], bool]) -> bool:
    start, said = time.monotonic(), False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            who, _, holder = os.pread(handle, 200, 0).decode(errors="replace").strip().partition(" run ")
            if (holder == run and _share_lock(handle, run)) or _is_descendant(who.rpartition(" ")[2]):
                return True
            waited = time.monotonic() - start
            if gone() or waited > LIMIT:
                return False
            if waited > PATIENCE and not said:
                say(f"another kprov is at work on this host ({who}); waiting for it")
                said = True
            time.sleep(_POLL)
        else:
            # On a full disk the lock holds all the same; others then only do not see whose it is.
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"agent {os.getpid()} run {run}".encode(), 0)
            fcntl.flock(handle, fcntl.LOCK_SH)
            return True


def _share_lock(handle: int, run: str) -> bool:
    """Share the lock with other agents of the run; another run may have come between."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    if os.pread(handle, 200, 0).decode(errors="replace").strip().endswith(f" run {run}"):
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False


def _is_descendant(holder: str) -> bool:
    """Whether this agent was started by a task of that agent, on the same machine: a deadlock."""
    pid = os.getppid()
    while pid > 1:
        if str(pid) == holder:
            return True
        try:
            with open(f"/proc/{pid}/stat") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False
