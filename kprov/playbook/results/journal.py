"""The journal of a run: JSON lines on the disk, from which a later run can resume.

The first line describes the run. One line for each task and host follows when the task ends. A result is
stored only if a later task may use it, and never if the task has no_log or the result has a secret: the line
only says "done" then, and a resumed run repeats the task.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kprov.inventory import secrets
from kprov.inventory.model import Inventory
from kprov.pki.files import make_folder as make_private_folder
from kprov.playbook.model.plays import Task

#: Outcomes after which a resumed run skips the task.
DONE = ("ok", "changed", "skipped", "ignored")


class Journal:
    """Writes FOLDER/TIME-PID.jsonl with mode 0600; without a folder it writes nothing.

    When the disk is full the run goes on without a journal: hosts that stay half configured are worse.
    `warn` is told once; the error is kept in `write_error`.
    """

    def __init__(self, folder: Path | None, warn: Callable[[str], None] = lambda _: None) -> None:
        self._warn = warn
        self.write_error: OSError | None = None
        self.path: Path | None = None
        self._handle = -1
        self._seen: Counter[tuple[str, str]] = Counter()
        if folder is not None:
            make_private_folder(folder)
            name = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
            # Not 0 if this process has already started a run in the same second.
            number = len(list(folder.glob(f"{name}*.jsonl")))
            self.path = folder / (f"{name}_{number}.jsonl" if number else f"{name}.jsonl")
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)

    def write(self, event: str, *, durable: bool = False, **fields: Any) -> None:
        """Add a line with a single write, so that a kill can only cut the last line."""
        if self._handle >= 0:
            text = json.dumps({"time": round(time.time(), 3), "event": event, **fields}, default=str)
            try:
                self._write_line((secrets.scrub(text) + "\n").encode())
                if durable:
                    os.fdatasync(self._handle)
            except OSError as error:
                self._give_up(error)

    def _write_line(self, line: bytes) -> None:
        written = os.write(self._handle, line)
        if written < len(line):  # the next write tells why, for example that the disk is full
            os.write(self._handle, line[written:])

    def _give_up(self, error: OSError) -> None:
        self.write_error = error
        self.close()
        self._warn(
            f"the journal {self.path} cannot be written ({error.strerror}): the run goes on without it, "
            "and `kprov resume` repeats what is done from here on"
        )

    def next_key(self, host: str, task: Task) -> str:
        """Return a key for the next run of a task on a host; a resumed run makes the same key."""
        digest = task_fingerprint(task)
        self._seen[host, digest] += 1
        return f"{digest}#{self._seen[host, digest]}"

    def copy_unfinished(self, earlier: EarlierRun) -> None:
        """Copy pending handlers and started tasks of an earlier run: the next run only reads this journal."""
        for host, handler in sorted(earlier.pending_handlers):
            self.write("notify", host=host, handler=handler)
        for host, key in sorted(earlier.started_tasks):
            self.write("begin", host=host, key=key)

    def close(self) -> None:
        """Close the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def task_fingerprint(task: Task) -> str:
    """Return a hash of a task without its line: a moved task keeps it, an edited one gets another."""
    if not task.digest:
        content = repr(
            (task.role.name if task.role else "", task.name, task.module, task.args, task.keywords)
        )
        task.digest = hashlib.sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return task.digest


def has_no_secret(result: dict[str, Any]) -> bool:
    """Whether a result holds no secret, so that the journal may store it."""
    text = json.dumps(result, default=str)
    return secrets.scrub(text) == text


def journal_folder(inventory: Inventory) -> Path:
    """Return the folder of an inventory's journals: beside it, or in XDG_STATE_HOME for a list of hosts."""
    if inventory.path.exists():
        return inventory.directory / "artifacts" / "journal"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "kprov" / "journal"


def find_latest(folder: Path, accept: Callable[[dict[str, Any]], bool] = bool) -> Path | None:
    """Return the newest journal of a folder whose header `accept` accepts."""
    newest_first = sorted(
        folder.glob("*.jsonl"), key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True
    )
    return next((path for path in newest_first if accept(read_header(path))), None)


def read_header(path: Path) -> dict[str, Any]:
    """Return the first line of a journal, which describes the run; empty when a kill cut it."""
    with path.open(encoding="utf-8") as file:
        try:
            entry = json.loads(file.readline())
        except ValueError:
            return {}
    return entry if isinstance(entry, dict) and entry.get("event") == "run" else {}


class EarlierRun:
    """The tasks that an earlier run finished, from its journal."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run: dict[str, Any] = {}
        self.finished = False
        self._done: dict[tuple[str, str], dict[str, Any]] = {}
        #: (host, fingerprint of a handler) that was notified and has not run.
        self.pending_handlers: set[tuple[str, str]] = set()
        #: (host, key) of tasks with handlers that started; it is unknown whether they changed the host.
        self.started_tasks: set[tuple[str, str]] = set()
        self.failed: dict[str, dict[str, Any]] = {}
        #: Decisions that an operation stored.
        self.memory: dict[str, Any] = {}
        with path.open(encoding="utf-8") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue  # a kill cut this line
                self._add_entry(entry)

    def _add_entry(self, entry: dict[str, Any]) -> None:
        match entry.get("event"):
            case "run":
                self.run = entry
            case "end":
                self.finished = bool(entry.get("ok"))
            case "notify":
                self.pending_handlers.add((entry["host"], entry["handler"]))
            case "begin":
                self.started_tasks.add((entry["host"], entry["key"]))
            case "remember":
                self.memory[entry["key"]] = entry["value"]
            case "done":
                self._mark_done(entry)
            case "task" if entry["outcome"] in DONE:
                self._mark_done(entry)
                self._done[entry["host"], entry["key"]] = entry
            case "task":
                self.failed[entry["host"]] = entry

    def _mark_done(self, entry: dict[str, Any]) -> None:
        self.started_tasks.discard((entry["host"], entry["key"]))
        self.pending_handlers.discard((entry["host"], entry["key"].partition("#")[0]))
        self.failed.pop(entry["host"], None)

    def find_result(self, host: str, key: str) -> dict[str, Any] | None:
        """Return the line of a finished task; None when the task must run."""
        return self._done.get((host, key))

    @property
    def hosts(self) -> set[str]:
        """The hosts that finished a task."""
        return {host for host, _ in self._done}

    def __len__(self) -> int:
        return len(self._done)
