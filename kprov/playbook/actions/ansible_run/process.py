"""A run of ansible-core as a child process that ends with all of its own children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: The largest output, in bytes; a run that writes more is killed.
OUTPUT_LIMIT = 64 << 20
#: The end of the output that an Ended has, in bytes.
_TAIL = 16 << 10
#: Seconds to kill a child; the kernel may hold one that waits for a disk.
_KILL_SECONDS = 5.0
#: The variable by which the processes of a child are found: ansible-core starts sessions of its own.
_MARK = "KPROV_TASK_ID"


@dataclass(frozen=True)
class Ended:
    """How a child ended: its exit code, the end of its output, and whether it took too long."""

    code: int
    output: str
    timed_out: bool = False


class Child:
    """One child process, whose output goes to a file. `end` kills it from any thread."""

    def __init__(self, output: Path, environment: Mapping[str, str]) -> None:
        self._output = output
        self._mark = uuid.uuid4().hex
        self._environment = {**environment, _MARK: self._mark}
        self._ended = threading.Event()

    def run(self, command: Sequence[str], *, seconds: float | None) -> Ended:
        """Run a program without input to its end, or kill it after `seconds` or too much output."""
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._output.open("xb") as file:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env=self._environment,
                start_new_session=True,
            )
        timed_out = False
        try:
            while not self._ended.is_set():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(0.5)
                    break
                timed_out = deadline is not None and time.monotonic() > deadline
                if timed_out or self._output.stat().st_size > OUTPUT_LIMIT:
                    break
        finally:
            # Also after a normal end: programs of the plugin, and ssh's master process.
            kill_marked(self._mark)
            child.wait()
        return Ended(child.returncode, self._read_tail(), timed_out)

    def end(self) -> None:
        """Kill the child and its children."""
        self._ended.set()
        kill_marked(self._mark)

    def _read_tail(self) -> str:
        with self._output.open("rb") as file:
            file.seek(max(0, self._output.stat().st_size - _TAIL))
            return file.read(_TAIL).decode("utf-8", "replace")


def kill_marked(mark: str) -> None:
    """Kill all processes of this user that inherited the mark, until there are none, for some seconds."""
    wanted = f"{_MARK}={mark}".encode()
    deadline = time.monotonic() + _KILL_SECONDS
    while time.monotonic() < deadline:
        processes = [pid for pid in _list_processes() if _has_variable(pid, wanted)]
        if not processes:
            return
        for pid in processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _list_processes() -> list[int]:
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdecimal()]


def _has_variable(pid: int, wanted: bytes) -> bool:
    """Whether a process that is no zombie has a variable in its environment."""
    try:
        return wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
