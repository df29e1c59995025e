"""Results of messages whose connection was lost, kept on the host until requested, at most a day.

Every agent holds a lock on its own file, `session-ID`, until it exits. The file has lines of JSON:
{"pid"}, then for the last changing message {"message", "items"}, and for each item {"item": n} before it
starts and {"result": ...} after it. See docs/decisions/005.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import signal
import time
from typing import Any, Callable

#: Seconds after which results are removed.
KEEP_SECONDS = 86400
_POLL = 0.05
#: Seconds between signs of life to an operator who waits for an old agent.
_PROGRESS_INTERVAL = 5.0


@functools.lru_cache(maxsize=None)
def find_folder() -> str | None:
    """Return a private folder: in memory (agents do not survive a reboot either), else on disk."""
    user = os.geteuid()
    candidates = [
        "/dev/shm/kprov-%d" % user,
        "/var/tmp/kprov-%d" % user,
        os.path.expanduser("~/.cache/kprov"),
    ]
    if user == 0:
        candidates.insert(0, "/run/kprov")
    for path in candidates:
        with contextlib.suppress(OSError):
            os.makedirs(path, 0o700, exist_ok=True)
            status = os.lstat(path)
            if status.st_uid == user and not os.path.islink(path):
                os.chmod(path, 0o700)
                _check_writable(path)
                return path
    return None


def _check_writable(path: str) -> None:
    """Raise OSError on a full or read-only disk."""
    probe = os.path.join(path, ".probe-%d" % os.getpid())
    handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, b"x" * 4096)
    finally:
        os.close(handle)
        os.unlink(probe)


def read_boot_id() -> str:
    """Return the host's boot id."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


class MessageRecord:
    """The agent's own file. Without a folder for it (`path` is None) nothing is stored."""

    def __init__(self, session: str) -> None:
        folder = find_folder()
        self.path = None if folder is None else os.path.join(folder, "session-" + session)
        self._handle = -1
        self._has_results = False
        if self.path is not None:
            try:
                self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
                fcntl.flock(self._handle, fcntl.LOCK_EX)
                self._write_header()
            except OSError:
                self.path = None
                self._close_handle()
        # A background process of a module does not belong to this agent.
        os.register_at_fork(after_in_child=self._close_handle)

    def mark_answer_received(self) -> None:
        """Drop the last answer: a new message shows that the operator has it."""
        self._has_results = False

    def begin(self, message: str, items: int) -> None:
        """Record the start of a changing message in place of the last one. OSError: it must not start."""
        if self._handle >= 0:
            os.ftruncate(self._handle, 0)
            self._write_header()
            self._has_results = True
            self._write_line({"message": message, "items": items})

    def record_item_start(self, number: int) -> None:
        """Record the start of an item. OSError: it must not start."""
        self._write_line({"item": number})

    def record_result(self, result: dict[str, Any]) -> None:
        """Record an item's result. If that fails, its outcome is unknown after a lost connection."""
        with contextlib.suppress(OSError):
            self._write_line({"result": result})

    def record_item_cancelled(self) -> None:
        """Record that an item stopped before it changed anything, while it waited for a content."""
        self._write_line({"back": True})

    def close(self, *, keep: bool) -> None:
        """Close the file. `keep`: the operator may not have the last answer."""
        if self.path is not None and not (keep and self._has_results):
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            self.path = None

    def _write_header(self) -> None:
        os.lseek(self._handle, 0, os.SEEK_SET)
        self._write_line({"pid": os.getpid()})

    def _write_line(self, entry: dict[str, Any]) -> None:
        if self._handle >= 0:
            data = json.dumps(entry).encode() + b"\n"
            while data:
                data = data[os.write(self._handle, data) :]

    def _close_handle(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def find_out(session: str, message: str, send_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Wait for the end of another agent and return the outcome of its message.

    `send_progress` is called regularly during the wait. {"outcome": "absent"}: the message did not start.
    {"outcome": "done", "results": [...]}: results of the first items; no other item has started.
    {"outcome": "died", "results": [...]}: the next item has started and did not end.
    """
    folder = find_folder()
    path = os.path.join(folder or "", "session-" + session)
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return {"outcome": "absent"}
    try:
        _wait_for_end(handle, send_progress)
        entries = _read_entries(handle)
        with contextlib.suppress(OSError):
            os.unlink(path)
    finally:
        os.close(handle)
    record = next((entry for entry in entries if "message" in entry), {})
    if record.get("message") != message:
        return {"outcome": "absent"}
    results = [entry["result"] for entry in entries if "result" in entry]
    started = sum("item" in entry for entry in entries) - sum("back" in entry for entry in entries)
    return {"outcome": "died" if started > len(results) else "done", "results": results}


def _wait_for_end(handle: int, send_progress: Callable[[dict[str, Any]], None]) -> None:
    """Wait until the agent that holds the file has exited; signal it that its connection is lost."""
    signalled_at = reported_at = 0.0
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            now = time.monotonic()
            entries = _read_entries(handle)
            if now - signalled_at > 1 and entries:
                with contextlib.suppress(OSError):
                    os.kill(entries[0]["pid"], signal.SIGUSR1)
                signalled_at = now
            if now - reported_at > _PROGRESS_INTERVAL:
                send_progress({"outcome": "running"})
                reported_at = now
            time.sleep(_POLL)
        else:
            return


def _read_entries(handle: int) -> list[dict[str, Any]]:
    size = os.fstat(handle).st_size
    lines = os.pread(handle, size, 0).split(b"\n")
    # The last line may be incomplete.
    return [json.loads(line) for line in lines[:-1] if line]


def remove_expired() -> None:
    """Remove results that were not requested in time."""
    folder = find_folder()
    if folder is None:
        return
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        # Another agent may have removed it since.
        with contextlib.suppress(OSError):
            if name.startswith("session-") and time.time() - os.stat(path).st_mtime > KEEP_SECONDS:
                os.unlink(path)
