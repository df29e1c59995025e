"""testinfra over our own connection: its commands go through the agent, as root, without another login."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import testinfra.backend.base
from testinfra.backend.base import CommandResult
from testinfra.host import Host

#: Runs a shell command on the host as root: (exit code, standard output, standard error).
Run = Callable[[str], tuple[int, str, str]]


class AgentBackend(testinfra.backend.base.BaseBackend):  # type: ignore[misc]
    """One host."""

    NAME = "kprov"

    def __init__(self, hostname: str, run: Run) -> None:
        super().__init__(hostname)
        self._run = run

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """A shell command to its end."""
        del kwargs
        line = self.get_command(command, *args)
        code, out, err = self._run(line)
        return self.result(code, line.encode(), out.encode(), err.encode())

    def get_encoding(self) -> str:
        """Ask nobody: the agent speaks UTF-8."""
        return "utf-8"


def testinfra_host(name: str, run: Run) -> Host:
    """A testinfra host over the runner."""
    return Host(AgentBackend(name, run))
