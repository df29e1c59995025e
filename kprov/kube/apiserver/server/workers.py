"""Several processes on one port: the kernel distributes connections over them (SO_REUSEPORT).

Upstream has no flag for this, so the number comes from the environment; the default is one. systemd starts
the first process. It starts the secondary ones, which only answer requests (no post-start hooks, no
compaction) and exit with it. Each process has its own watch cache and receives every write, so that more
processes pay off for many readers on a host with free CPUs. /metrics describes the process that answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
from typing import Final

log = logging.getLogger(__name__)

COUNT: Final = "KPROV_APISERVER_WORKERS"
_ROLE: Final = "KPROV_APISERVER_WORKER"
#: The descriptor of the channel that the process of heavy requests serves.
CHANNEL: Final = "KPROV_APISERVER_HEAVY_CHANNEL"
_PR_SET_PDEATHSIG: Final = 1


def count_processes() -> int:
    """Return the number of processes that share the port.

    Raise ValueError if the environment has no number >= 1.
    """
    text = os.environ.get(COUNT, "1")
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{COUNT}={text}: expected a number of processes from 1 on")
    return int(text)


def is_secondary() -> bool:
    """Whether another process of this server started this one."""
    return _ROLE in os.environ


def is_heavy() -> bool:
    """Whether this process only executes the heavy requests of another one."""
    return CHANNEL in os.environ


def end_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when the first one exits for any reason."""
    parent = int(os.environ[_ROLE])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


async def run_secondaries() -> None:
    """Run the secondary processes until cancelled. Restart one that exits."""
    if is_secondary():
        return
    async with asyncio.TaskGroup() as group:
        for _ in range(count_processes() - 1):
            group.create_task(_run_secondary())


def make_environment() -> dict[str, str]:
    """Return the environment of a process that this one starts: only the first one talks to systemd."""
    hidden = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment[_ROLE] = str(os.getpid())
    return environment


async def _run_secondary() -> None:
    environment = make_environment()
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "kprov.kube.apiserver", *sys.argv[1:], env=environment
        )
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        log.warning("worker %d ended with %d, starting another", process.pid, code)
        await asyncio.sleep(1)
