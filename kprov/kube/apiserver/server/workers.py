"""Several processes on one port: the kernel spreads connections over them (SO_REUSEPORT).

Upstream has no flag for it, so the number comes from the environment. The first process is the one that
systemd knows; the others answer requests only (no post-start hooks, no compaction) and end with it.
There is one where nothing else is said. Each further one has caches of its own and hears of each write, so
that they are worth it for many readers on a host with CPUs to spare; /metrics tells of the one that is asked.
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
_PR_SET_PDEATHSIG: Final = 1


def count_processes() -> int:
    """How many processes share the port.

    Raises ValueError where the environment has no number from 1 on.
    """
    text = os.environ.get(COUNT, "1")
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise ValueError(f"{COUNT}={text}: expected a number of processes from 1 on")
    return int(text)


def is_secondary() -> bool:
    """Whether this process is one of the others."""
    return _ROLE in os.environ


def end_with_parent() -> None:
    """Have the kernel end this process when the first one is gone, however it went."""
    parent = int(os.environ[_ROLE])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


async def run_secondaries() -> None:
    """Run the others until cancelled; one that ends is started again."""
    if is_secondary():
        return
    async with asyncio.TaskGroup() as group:
        for _ in range(count_processes() - 1):
            group.create_task(_run_secondary())


async def _run_secondary() -> None:
    hidden = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment[_ROLE] = str(os.getpid())
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
