"""The errors that users see; each class has the exit code of the program.

KprovError                   exit 1: base of all errors below
├─ InputError                exit 2: an input is wrong; no host was changed
├─ HostError                 exit 1: an error on a host; the message names it
│  ├─ UnreachableError       exit 4: a host became unreachable during a run (as in ansible-playbook)
│  │  ├─ ConnectionLostError exit 4: the connection ended before the agent ran; a retry may work
│  │  └─ AnswerError         exit 4: the host answers what no agent of kprov answers
│  ├─ PreflightError         exit 2: a host of the inventory cannot be used; no host was changed
│  │  └─ NoAnswerError       exit 4: because it does not answer
│  └─ NoPythonError          exit 1: the host has no Python for the agent; `raw` still works
└─ InternalError             exit 70: a defect of kprov
"""

from __future__ import annotations

from pathlib import Path


class KprovError(Exception):
    """Base of all errors with a message for the user."""

    exit_code = 1


class InputError(KprovError):
    """Wrong input; the message names the file and field to correct."""

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
    """An error on a host; the message starts with its name."""

    def __init__(self, host: str, message: str) -> None:
        self.host = host
        self.reason = message
        super().__init__(f"{host}: {message}")


class UnreachableError(HostError):
    """No usable connection to the host: network, SSH, host key, login, sudo or Python."""

    exit_code = 4


class ConnectionLostError(UnreachableError):
    """The connection ended during login or the start of the agent, before it changed anything."""


class AnswerError(UnreachableError):
    """The host sent an answer of a wrong shape or size. The connection to it was closed."""


class PreflightError(HostError):
    """A host of the inventory cannot be used: unreachable, key refused, no sudo, no Python."""

    exit_code = 2


class NoAnswerError(PreflightError):
    """A host that the command needs does not answer; no host was changed."""

    exit_code = 4


class NoPythonError(HostError):
    """The host has no Python, or an old one: only a plain shell command can run there."""


class InternalError(KprovError):
    """A defect of kprov itself."""

    exit_code = 70
