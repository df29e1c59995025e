"""A program that starts again after its end, as under systemd, with the signals that tests send to it."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.apiserver.servers import WITH_US

_RESTART_SECONDS: Final = 0.2


class SupervisedProgram:
    """It runs from the beginning until `stop`."""

    def __init__(self, command: Sequence[str], log: Path) -> None:
        self._command = [*WITH_US, *command]
        self.log = log
        self._stopping = threading.Event()
        self._process = self._start()
        self._supervisor = threading.Thread(target=self._supervise, name="supervisor")
        self._supervisor.start()

    @property
    def number(self) -> int:
        """Of the current process."""
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()

    def suspend(self) -> int:
        """Returns the number of the process."""
        self._process.send_signal(signal.SIGSTOP)
        return self._process.pid

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        self._stopping.set()
        self.kill()
        self._supervisor.join(20)

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log)

    def _supervise(self) -> None:
        while True:
            self._process.wait()
            if self._stopping.wait(_RESTART_SECONDS):
                return
            self._process = self._start()
