"""The live view of a run: what every host is at and for how long, who waits, how many are done."""

from __future__ import annotations

import threading
import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from kprov.inventory import secrets


class View:
    """Drawn by rich's thread while callbacks change it."""

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
        """A play began."""
        with self._lock:
            self._play, self._task, self._hosts, self._done = name, "", [], 0
            self._at_work.clear()

    def task(self, name: str, hosts: list[str]) -> None:
        """A task began; its hosts wait."""
        with self._lock:
            self._task, self._since = name, time.monotonic()
            self._hosts, self._done = list(hosts), 0

    def started(self, host: str, task: str) -> None:
        """A host waits no more."""
        with self._lock:
            self._at_work[host] = (task, time.monotonic())
            self._hosts = [name for name in self._hosts if name != host]

    def retry(self, host: str, attempt: int, left: int) -> None:
        """A host tries again."""
        with self._lock:
            self._retries[host] = f"  attempt {attempt}, {left} left"

    def done(self, host: str) -> None:
        """A host is through its task."""
        with self._lock:
            self._at_work.pop(host, None)
            self._retries.pop(host, None)
            self._hosts = [name for name in self._hosts if name != host]
            self._done += 1

    def lines(self, rows: int) -> list[str]:
        """At most so many lines; the hosts that take longest first."""
        now = time.monotonic()
        with self._lock:
            total = self._done + len(self._at_work) + len(self._hosts)
            task = self._task or "begins"
            lines = [f"{self._play}: {task}  {self._done}/{total} hosts  {now - self._since:.0f}s"]
            at_work = sorted(self._at_work.items(), key=lambda entry: entry[1][1])
            room = max(1, rows - 3)
            for host, (name, since) in at_work[:room]:
                lines.append(f"  {host}  {now - since:.0f}s  {name}{self._retries.get(host, '')}")
            if len(at_work) > room:
                lines.append(f"  and {len(at_work) - room} more hosts working")
            if self._hosts:
                lines.append(f"  waiting ({len(self._hosts)}): {', '.join(self._hosts)}")
        return lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines cut to the terminal: scrubbed before, as half a secret would not be known."""
        for line in self.lines(min(14, console.height - 2)):
            text = Text(secrets.scrub(line.replace("\n", " ")), style="dim")
            text.truncate(options.max_width, overflow="ellipsis")
            yield text
