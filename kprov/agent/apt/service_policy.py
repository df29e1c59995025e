"""Prevents packages from starting services: /usr/sbin/policy-rc.d, which invoke-rc.d calls.

The agent's file has a mark in it. The agent and its programs (which may outlive a killed agent) hold a lock
on the folder as long as the file is needed. A marked file without this lock is from a killed agent, and
`recover_policy` restores the original.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import Iterator

from kprov.agent import process, temporary_files
from kprov.agent.context import ModuleError

PATH = "/usr/sbin/policy-rc.d"
_MARK = b"# kprov, while a task installs packages"
#: Suffix of the original file while the agent's file replaces it.
_BEFORE = ".kprov-before"
_POLL = 0.2


@contextlib.contextmanager
def hold_policy(code: int | None, seconds: float, path: str = PATH) -> Iterator[None]:
    """Make policy-rc.d exit with `code` during the block (101: start no service; None: change nothing).

    Wait at most `seconds` for another agent whose policy is active. Raises ModuleError.
    """
    if code is None:
        if _is_abandoned(path):
            handle = _wait_for_lock(path, seconds)
            _restore_policy(path)
            os.close(handle)
        yield
        return
    handle = _wait_for_lock(path, seconds)
    process.HANDED_ON.add(handle)
    try:
        _restore_policy(path)
        if os.path.lexists(path):
            # A hard link: there is no moment without a policy file.
            os.link(path, path + _BEFORE, follow_symlinks=False)
        try:
            _write_policy(path, f"#!/bin/sh\n{_MARK.decode()}\nexit {code}\n".encode())
            yield
        finally:
            _restore_policy(path)
    finally:
        process.HANDED_ON.remove(handle)
        os.close(handle)


def recover_policy(path: str = PATH) -> None:
    """Restore the policy if a killed agent left its own. Do nothing while an agent needs it."""
    handle = _try_lock(path) if _is_abandoned(path) and os.access(os.path.dirname(path), os.W_OK) else None
    if handle is not None:
        try:
            _restore_policy(path)
        finally:
            os.close(handle)


def _is_abandoned(path: str) -> bool:
    return _is_ours(path) or os.path.lexists(path + _BEFORE)


def _try_lock(path: str) -> int | None:
    """Return a handle that holds the lock; None if another process holds it."""
    handle = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _wait_for_lock(path: str, seconds: float) -> int:
    deadline = time.monotonic() + seconds
    while True:
        handle = _try_lock(path)
        if handle is not None:
            return handle
        if time.monotonic() >= deadline:
            raise ModuleError(f"another task of kprov has had its {path} for more than {seconds:g} s")
        time.sleep(_POLL)


def _is_ours(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return _MARK in file.read(200)
    except OSError:
        return False


def _restore_policy(path: str) -> None:
    """Restore the original policy, unless another program has written a policy in the meantime."""
    before = path + _BEFORE
    if _is_ours(path) or not os.path.lexists(path):
        if os.path.lexists(before):
            os.rename(before, path)
        elif os.path.lexists(path):
            os.unlink(path)
    elif os.path.lexists(before):
        os.unlink(before)


def _write_policy(path: str, content: bytes) -> None:
    handle, aside = temporary_files.make_file(os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(aside, 0o775)
        os.rename(aside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(aside)
        raise
