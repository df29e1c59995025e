"""The log file of events: appended line by line, rotated when it is full.

Several processes may write to one file: each line is one write in append mode, and each process notices when
another one has rotated the file. Rotated files have upstream's names (lumberjack):
audit-2026-11-21T13-00-00.000.log.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import gzip
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from kprov.kube.component_base.tasks import start_background_task

log = logging.getLogger(__name__)

_MIB: Final = 1024 * 1024
#: Seconds between checks whether the path still has the open file.
_LOOK_SECONDS: Final = 1.0
_STAMP: Final = "%Y-%m-%dT%H-%M-%S"


class Sink(Protocol):
    """Where the lines of the log are written."""

    def write(self, line: bytes) -> None:
        """Raise OSError."""

    def close(self) -> None:
        """Write lines that still wait."""


class StandardOutput:
    """Writes events to standard output, for `--audit-log-path=-`."""

    def write(self, line: bytes) -> None:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Nothing to do."""


class RotatingFile:
    """The file of --audit-log-path with -maxsize, -maxbackup, -maxage (days) and -compress; 0: no limit."""

    def __init__(
        self, path: str, *, megabytes: int = 0, backups: int = 0, days: int = 0, compress: bool = False
    ) -> None:
        """Raise OSError."""
        self._path = Path(path)
        self._limit = megabytes * _MIB
        self._backups, self._days, self._compress = backups, days, compress
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = -1
        self._looked = 0.0
        self._open()

    def write(self, line: bytes) -> None:
        now = time.monotonic()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self._follow()
        if self._limit and self._size + len(line) > self._limit:
            self._rotate(len(line))
        view = memoryview(line)
        while view:
            view = view[os.write(self._file, view) :]
        self._size += len(line)

    def close(self) -> None:
        os.close(self._file)

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        self._size = os.fstat(self._file).st_size

    def _follow(self) -> None:
        """Open the file at the path if another process rotated it; read its size."""
        mine = os.fstat(self._file)
        with contextlib.suppress(FileNotFoundError):
            there = self._path.stat()
            if (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev):
                self._size = mine.st_size
                return
        os.close(self._file)
        self._open()

    def _rotate(self, more: int) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        locked = self._file
        try:
            with contextlib.suppress(FileNotFoundError):
                if self._path.stat().st_ino == os.fstat(locked).st_ino:
                    if os.fstat(locked).st_size + more <= self._limit:
                        return
                    self._path.rename(self._backup_path())
            self._open()
        finally:
            if self._file != locked:
                os.close(locked)
            else:
                fcntl.flock(locked, fcntl.LOCK_UN)
        self._remove_backups()

    def _backup_path(self) -> Path:
        now = datetime.now(UTC)
        while True:
            moment = f"{now.strftime(_STAMP)}.{now.microsecond // 1000:03d}"
            path = self._path.with_name(f"{self._path.stem}-{moment}{self._path.suffix}")
            if not path.exists():
                return path
            now += timedelta(milliseconds=1)

    def _remove_backups(self) -> None:
        name = re.escape(self._path.stem) + r"-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)\.\d{3}"
        form = re.compile(name + re.escape(self._path.suffix) + r"(\.gz)?")
        backups = sorted(
            (path for path in self._path.parent.iterdir() if form.fullmatch(path.name)), reverse=True
        )
        keep = backups[: self._backups] if self._backups else backups
        if self._days:
            oldest = (datetime.now(UTC) - timedelta(days=self._days)).strftime(_STAMP)
            keep = [path for path in keep if _parse_backup_time(form, path) >= oldest]
        for path in set(backups) - set(keep):
            path.unlink(missing_ok=True)
        if self._compress:
            for path in keep:
                if path.suffix != ".gz":
                    with contextlib.suppress(FileNotFoundError):
                        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
                        path.unlink()


def _parse_backup_time(form: re.Pattern[str], path: Path) -> str:
    match = form.fullmatch(path.name)
    return match[1] if match else ""


class BatchingSink:
    """--audit-log-mode=batch: collects lines and writes them in a thread.

    If `room` lines wait, it drops the next one and calls `dropped`.
    """

    def __init__(
        self, sink: Sink, *, room: int, size: int, seconds: float, dropped: Callable[[], None]
    ) -> None:
        """seconds: how long a line waits at most. size: the number of lines of one batch."""
        self._sink = sink
        self._room, self._size, self._seconds = room, size, seconds
        self._waiting: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._full = asyncio.Event()
        self._dropped = dropped

    def write(self, line: bytes) -> None:
        if len(self._waiting) >= self._room:
            self._dropped()
            return
        self._waiting.append(line)
        if len(self._waiting) >= self._size:
            self._full.set()
        if self._task is None or self._task.done():
            self._task = start_background_task(self._flush(), "audit log")

    def close(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._write_all(waiting)
        self._sink.close()

    def _write_all(self, lines: Sequence[bytes]) -> None:
        # Line by line, so that the file can be rotated between two lines.
        for line in lines:
            self._sink.write(line)

    async def _flush(self) -> None:
        while self._waiting:
            if len(self._waiting) < self._size:
                # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the event.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._seconds):
                        await self._full.wait()
            self._full.clear()
            lines, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write_all, lines)
            except OSError as error:
                log.error("audit events were not written: %s", error)  # noqa: TRY400  the message is enough
                for _ in lines:
                    self._dropped()
