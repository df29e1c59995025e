"""Runs the programs of package managers without questions."""

from __future__ import annotations

import os
import shutil
from typing import Any

from kprov.agent import process
from kprov.agent.context import ModuleError

_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "LANGUAGE": "C.UTF-8",
    "LC_MESSAGES": "C.UTF-8",
    "LC_CTYPE": "C.UTF-8",
    # needrestart would restart services after the installation. The playbook decides about that.
    "NEEDRESTART_SUSPEND": "1",
}


def find_program(name: str) -> str:
    """Return the full path of a program. Raises ModuleError if it is missing."""
    path = shutil.which(name)
    if path is None:
        raise ModuleError(f'Failed to find required executable "{name}" in paths: {os.environ["PATH"]}')
    return path


def run_program(command: list[str], *, stdin: bytes = b"") -> tuple[int, str, str]:
    """Run a program of a package manager; return exit code, output and errors."""
    return process.run_program(command, stdin=stdin, environment=_ENVIRONMENT)


def make_output_values(out: str, err: str) -> dict[str, Any]:
    """Return a program's output as return values of a module."""
    return {
        "stdout": out,
        "stderr": err,
        "stdout_lines": out.splitlines(),
        "stderr_lines": err.splitlines(),
    }
