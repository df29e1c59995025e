"""Programs on the host: run to their end, and ended with the agent."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from typing import Any, Sequence, Union

_running: set[subprocess.Popen[bytes]] = set()
ENVIRONMENT: dict[str, str] = {}


def run(
    command: Union[Sequence[str], str],
    *,
    stdin: bytes = b"",
    shell: str | None = None,
    cwd: str | None = None,
    environment: dict[str, str] | None = None,
) -> tuple[int, str, str]:
    """Exit code, standard output and error of a program, or of a line for `shell`."""
    variables = dict(os.environ)
    variables.update(ENVIRONMENT)
    variables.update(environment or {})
    arguments: dict[str, Any] = {"shell": True, "executable": shell} if shell else {}
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=cwd,
        env=variables,
        start_new_session=True,
        **arguments,
    )
    _running.add(process)
    try:
        out, err = process.communicate(stdin or None)
    finally:
        _running.discard(process)
    return process.returncode, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape")


def end_all() -> None:
    """Kill what still runs: the connection is gone."""
    for process in list(_running):
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
