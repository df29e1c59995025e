"""A lock that lets one run at a time change a host. Agents of the same run share it.

A run may know a host by several names, or work on it as several users. The agents of a run ask each other
about lost messages (see message_results), so only other runs have to wait.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Callable, Iterator

from kprov.agent import message_results

#: Seconds until the operator gets a message about the wait, and until the wait fails.
PATIENCE = 3.0
LIMIT = 1800.0
_POLL = 0.05


class HostLockError(Exception):
    """A message that changes the host cannot start."""


_held = {"handle": -1}


def _close_handle() -> None:
    # All copies of the handle hold the lock: a background process must not keep one.
    if _held["handle"] >= 0:
        os.close(_held["handle"])
        _held["handle"] = -1


os.register_at_fork(after_in_child=_close_handle)


@contextlib.contextmanager
def hold_lock(run: str, notify: Callable[[str], None], is_lost: Callable[[], bool]) -> Iterator[bool]:
    """Hold the lock for a run during the block; yield False if `is_lost()` is true or LIMIT has passed."""
    folder = message_results.find_folder()
    if folder is None:
        yield True
        return
    path = os.path.join(folder, "turn")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise HostLockError(f"nothing was done: {path}: {error.strerror}") from None
    _held["handle"] = handle
    try:
        yield _acquire(handle, run, notify, is_lost)
    finally:
        _held["handle"] = -1
        os.close(handle)


def _acquire(handle: int, run: str, notify: Callable[[str], None], is_lost: Callable[[], bool]) -> bool:
    start, has_notified = time.monotonic(), False
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            agent, _, holder = os.pread(handle, 200, 0).decode(errors="replace").strip().partition(" run ")
            if (holder == run and _share_lock(handle, run)) or _is_descendant(agent.rpartition(" ")[2]):
                return True
            waited = time.monotonic() - start
            if is_lost() or waited > LIMIT:
                return False
            if waited > PATIENCE and not has_notified:
                notify(f"another kprov is at work on this host ({agent}); waiting for it")
                has_notified = True
            time.sleep(_POLL)
        else:
            # On a full disk the lock works, but others do not see which run holds it.
            with contextlib.suppress(OSError):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"agent {os.getpid()} run {run}".encode(), 0)
            fcntl.flock(handle, fcntl.LOCK_SH)
            return True


def _share_lock(handle: int, run: str) -> bool:
    """Share the lock with other agents of the run, unless another run has acquired it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    if os.pread(handle, 200, 0).decode(errors="replace").strip().endswith(f" run {run}"):
        return True
    fcntl.flock(handle, fcntl.LOCK_UN)
    return False


def _is_descendant(holder: str) -> bool:
    """Whether a task of that agent started this agent on the same machine, which would be a deadlock."""
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
