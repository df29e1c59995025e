"""The live view of a run: the task of each host with its time, waiting hosts, and progress."""

from __future__ import annotations

import threading
import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from kprov.cli.output.control_characters import escape_controls
from kprov.inventory import secrets


class View:
    """The state of the view. Callbacks change it, and rich's thread draws it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._play = ""
        self._task = ""
        self._since = time.monotonic()
        self._hosts: list[str] = []
        self._done = 0
        self._at_work: dict[str, tuple[str, float]] = {}
        self._retries: dict[str, str] = {}

    def play(self, name: str) -> None:
        """Start a play."""
        with self._lock:
            self._play, self._task, self._hosts, self._done = name, "", [], 0
            self._at_work.clear()

    def task(self, name: str, hosts: list[str]) -> None:
        """Start a task; its hosts wait."""
        with self._lock:
            self._task, self._since = name, time.monotonic()
            self._hosts, self._done = list(hosts), 0

    def started(self, host: str, task: str) -> None:
        """Start a host."""
        with self._lock:
            self._at_work[host] = (task, time.monotonic())
            self._hosts = [name for name in self._hosts if name != host]

    def retry(self, host: str, attempt: int, remaining: int) -> None:
        """Note a retry on a host."""
        with self._lock:
            self._retries[host] = f"  attempt {attempt}, {remaining} left"

    def done(self, host: str) -> None:
        """Note that a host has finished the task."""
        with self._lock:
            self._at_work.pop(host, None)
            self._retries.pop(host, None)
            self._hosts = [name for name in self._hosts if name != host]
            self._done += 1

    def lines(self, rows: int) -> list[str]:
        """Render at most this number of lines, the slowest hosts first."""
        now = time.monotonic()
        with self._lock:
            total = self._done + len(self._at_work) + len(self._hosts)
            task = self._task or "begins"
            lines = [f"{self._play}: {task}  {self._done}/{total} hosts  {now - self._since:.0f}s"]
            at_work = sorted(self._at_work.items(), key=lambda entry: entry[1][1])
            available_rows = max(1, rows - 3)
            for host, (name, since) in at_work[:available_rows]:
                lines.append(f"  {host}  {now - since:.0f}s  {name}{self._retries.get(host, '')}")
            if len(at_work) > available_rows:
                lines.append(f"  and {len(at_work) - available_rows} more hosts working")
            if self._hosts:
                lines.append(f"  waiting ({len(self._hosts)}): {', '.join(self._hosts)}")
        return lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Cut lines to the terminal's width after scrubbing: a part of a secret would not be recognized."""
        for line in self.lines(min(14, console.height - 2)):
            text = Text(escape_controls(secrets.scrub(line.replace("\n", " "))), style="dim")
            text.truncate(options.max_width, overflow="ellipsis")
            yield text
