"""A terminal for tests: a program on a pseudo-terminal that is read and typed into."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

#: For all of a program's life: it may show that it waits again and again.
_SECONDS = 90.0


class Terminal:
    """`kprov ARGUMENTS` with a terminal as its input and output."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.raw = ""
        self._read = 0
        self._deadline = time.monotonic() + _SECONDS
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            # What is begun in the background of a shell inherits that Ctrl-C means nothing.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            program = [sys.executable, "-m", "kprov.cli.main", *arguments]
            os.execve(program[0], program, environment)

    @property
    def seen(self) -> str:
        """What was shown, without colours and movements of the cursor."""
        return _CONTROL.sub("", self.raw).replace("\r\n", "\n")

    def until(self, words: str) -> str:
        """Read until something is shown that was not yet waited for; all that was read meanwhile."""
        while words not in self.seen[self._read :]:
            assert self._more(), f"{words!r} was not shown: {self.seen}"
        begin, self._read = self._read, self.seen.index(words, self._read) + len(words)
        return self.seen[begin : self._read]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._descriptor, keys.encode())

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._more():
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def _more(self) -> bool:
        left = max(0.0, self._deadline - time.monotonic())
        ready = left and select.select([self._descriptor], [], [], left)[0]
        assert ready, f"not within {_SECONDS:g} s: {self.seen}"
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # the other side is closed
            return False
        self.raw += data.decode("utf-8", "replace")
        return bool(data)

    def close(self) -> None:
        """Nothing stays."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._descriptor)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_terminal(*arguments: str, **environment: str) -> Terminal:
        inherited = {
            name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")
        }
        own = {"TERM": "xterm", "COLUMNS": "120", "XDG_STATE_HOME": str(tmp_path / "state")}
        opened.append(Terminal(arguments, inherited | own | environment))
        return opened[-1]

    yield open_terminal
    for one in opened:
        one.close()
