"""systemd's readiness and watchdog protocol (sd_notify(3)). Without systemd it does nothing."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable


def notify(state: str) -> bool:
    """Send `READY=1`, `STOPPING=1` or `STATUS=...`. False if nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end,
    ):
        end.sendto(state.encode(), address)
        return True
    return False


def watchdog_interval() -> float:
    """Seconds between two watchdog messages: a third of WatchdogSec. 0 without a watchdog."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 3_000_000


async def watchdog(healthy: Callable[[], bool] = lambda: True) -> None:
    """Send watchdog messages while the event loop runs and `healthy()`. Returns without a watchdog."""
    interval = watchdog_interval()
    while interval > 0:
        if healthy():
            notify("WATCHDOG=1")
        await asyncio.sleep(interval)
