"""Errors that people see, as one tree; each knows the exit code of the program.

KprovError                exit 1: something did not work
├─ InputError             exit 2: what the user gave is wrong; nothing was touched
├─ HostError              exit 1: a host refused or failed; names the host
│  ├─ UnreachableError    exit 4: a connection was lost during a run (ansible-playbook's code too)
│  │  └─ CutOffError      exit 4: it ended while it was being made: another try may do
│  ├─ PreflightError      exit 2: the inventory names a host that cannot be used; nothing was touched
│  ├─ NoPythonError       exit 1: the host has no Python for the agent; `raw` works all the same
│  └─ TaskFailedError     exit 1: a task failed on a host
└─ InternalError          exit 70: a defect of kprov
"""

from __future__ import annotations

from pathlib import Path


class KprovError(Exception):
    """Base of all errors with a message for the user."""

    exit_code = 1


class InputError(KprovError):
    """Wrong input; the message names the file and field so that it can be mended there."""

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        file: Path | str | None = None,
        line: int | None = None,
        field: str | None = None,
    ) -> None:
        self.reason = message
        self.file = file
        self.line = line
        self.field = field
        place = str(file) if file is not None else ""
        if place and line is not None:
            place += f":{line}"
        parts = [part for part in (place, field) if part]
        super().__init__(": ".join([*parts, message]))


class HostError(KprovError):
    """A host refused or failed; the message starts with its name."""

    def __init__(self, host: str, message: str) -> None:
        self.host = host
        self.reason = message
        super().__init__(f"{host}: {message}")


class UnreachableError(HostError):
    """No usable connection to the host: network, SSH, host key, login, sudo or Python."""

    exit_code = 4


class CutOffError(UnreachableError):
    """The connection ended while login or agent began, before anything was done."""


class PreflightError(HostError):
    """A host cannot be used as the inventory has it: unreachable, key refused, no sudo, no Python."""

    exit_code = 2


class NoPythonError(HostError):
    """The host has no Python, or an old one: nothing but a plain line for its shell runs there."""


class TaskFailedError(HostError):
    """A task ended as failed on a host."""


class InternalError(KprovError):
    """A defect of kprov itself."""

    exit_code = 70
