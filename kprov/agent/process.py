"""Programs on the host: run to their end, and ended with the agent."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Iterator, Sequence, Union

if TYPE_CHECKING:
    import subprocess

_running: set[subprocess.Popen[bytes]] = set()
_ending = threading.Event()
_held = threading.Event()
ENVIRONMENT: dict[str, str] = {}
#: Open files that programs get, too: a lock that is to last as long as they do.
HANDED_ON: set[int] = set()


class AgentStopped(BaseException):
    """The agent ends: nothing more may be started. Not an Exception: no module is to handle it."""


class ItemTimeout(BaseException):
    """The item has had its time. Not an Exception: no module is to handle it."""


@contextlib.contextmanager
def defer_limit() -> Iterator[None]:
    """What is begun here is not cut off by a Limit, which waits."""
    _held.set()
    try:
        yield
    finally:
        _held.clear()


class TimeLimit:
    """Ends what takes longer than so many seconds (0: nothing), with the programs that it runs."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        if self.seconds:
            signal.signal(signal.SIGALRM, self._over)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: object) -> None:
        if self.seconds:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _over(self, *_: object) -> None:
        if _held.is_set():
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            return
        for process in list(_running):
            _kill(process)
        raise ItemTimeout


def run_program(
    command: Union[Sequence[str], str],
    *,
    stdin: bytes = b"",
    shell: str | None = None,
    cwd: str | None = None,
    environment: dict[str, str] | None = None,
) -> tuple[int, str, str]:
    """Exit code, standard output and error of a program, or of a line for `shell`."""
    if _ending.is_set():
        raise AgentStopped
    variables = dict(os.environ)
    variables.update(ENVIRONMENT)
    variables.update(environment or {})
    arguments: dict[str, Any] = {"shell": True, "executable": shell} if shell else {}
    with defer_limit():
        # One that is not among those that run yet would go on.
        process = _start_program(command, stdin, cwd, variables, arguments)
        _running.add(process)
    try:
        if _ending.is_set():
            _kill(process)
        out, err = process.communicate(stdin or None)
    finally:
        _running.discard(process)
    if _ending.is_set():
        raise AgentStopped
    return process.returncode, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape")


def describe_signal(program: str, code: int) -> str:
    """A sentence that names the signal behind a negative exit code of `run`; "" for any other code."""
    if code >= 0:
        return ""
    name = ""
    with contextlib.suppress(ValueError):
        name = f" ({signal.Signals(-code).name})"
    return f"{program} was killed by signal {-code}{name}"


def _start_program(
    command: Union[Sequence[str], str],
    stdin: bytes,
    cwd: str | None,
    variables: dict[str, str],
    arguments: dict[str, Any],
) -> subprocess.Popen[bytes]:
    import subprocess

    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=variables,
        start_new_session=True,
        pass_fds=tuple(HANDED_ON),
        **arguments,
    )


def kill_all() -> None:
    """Kill what still runs and let nothing start again: the agent is to end."""
    _ending.set()
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
