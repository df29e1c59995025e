"""A testinfra backend that runs commands through the agent, as root, without another login."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import testinfra.backend.base
from testinfra.backend.base import CommandResult
from testinfra.host import Host

#: Runs a shell command on the host as root: (exit code, standard output, standard error).
Run = Callable[[str], tuple[int, str, str]]


class AgentBackend(testinfra.backend.base.BaseBackend):  # type: ignore[misc]
    """Runs testinfra's commands on one host."""

    NAME = "kprov"

    def __init__(self, hostname: str, run: Run) -> None:
        super().__init__(hostname)
        self._run = run

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a shell command."""
        del kwargs
        line = self.get_command(command, *args)
        code, out, err = self._run(line)
        return self.result(code, line.encode(), out.encode(), err.encode())

    def get_encoding(self) -> str:
        """Return the encoding without asking the host: the agent uses UTF-8."""
        return "utf-8"


def testinfra_host(name: str, run: Run) -> Host:
    """Return a testinfra host that uses the runner."""
    return Host(AgentBackend(name, run))
