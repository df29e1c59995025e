"""Runs programs on the host, and kills them when the agent ends."""

from __future__ import annotations

import contextlib
import contextvars
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Iterator, Sequence, Union

if TYPE_CHECKING:
    import subprocess

_running: set[subprocess.Popen[bytes]] = set()
_ending = threading.Event()
_held = threading.Event()
_environment: contextvars.ContextVar[dict[str, str]] = contextvars.ContextVar("environment")
#: File descriptors that programs inherit: a lock that they hold until they exit.
HANDED_ON: set[int] = set()


class AgentStopped(BaseException):
    """The agent ends: no program may start. Not an Exception, so that no module handles it."""


class ItemTimeout(BaseException):
    """The item's time limit has passed. Not an Exception, so that no module handles it."""


@contextlib.contextmanager
def defer_limit() -> Iterator[None]:
    """Make a TimeLimit wait until the end of the block."""
    _held.set()
    try:
        yield
    finally:
        _held.clear()


class TimeLimit:
    """Interrupts a block, and kills its programs, after some seconds (0: no limit)."""

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


@contextlib.contextmanager
def use_environment(variables: dict[str, str]) -> Iterator[None]:
    """Start the programs of the block with these variables, too."""
    token = _environment.set(variables)
    try:
        yield
    finally:
        _environment.reset(token)


def get_environment() -> dict[str, str]:
    """Return the variables of `use_environment`, {} outside of its blocks."""
    return _environment.get({})


def run_program(
    command: Union[Sequence[str], str],
    *,
    stdin: bytes = b"",
    shell: str | None = None,
    cwd: str | None = None,
    environment: dict[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run a program or a line for `shell`; return exit code, standard output and error."""
    if _ending.is_set():
        raise AgentStopped
    variables = dict(os.environ)
    variables.update(get_environment())
    variables.update(environment or {})
    arguments: dict[str, Any] = {"shell": True, "executable": shell} if shell else {}
    with defer_limit():
        # A time limit in between would not kill the program, which is not in the set yet.
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
    """Name the signal behind a negative exit code of `run_program`; "" for other codes."""
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
    """Kill all running programs and prevent new ones, because the agent ends."""
    _ending.set()
    for process in list(_running):
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
