"""systemd's readiness and watchdog protocol (sd_notify(3)); without systemd nothing happens."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable


def notify(state: str) -> bool:
    """Send e.g. ``READY=1``, ``STOPPING=1`` or ``STATUS=...``; False when no one listens."""
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
    """Seconds between two signs of life (a third of WatchdogSec), or 0 when systemd does not wait for any."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 3_000_000


async def watchdog(healthy: Callable[[], bool] = lambda: True) -> None:
    """Tell systemd we live, as long as the event loop turns and ``healthy()``; returns without a watchdog."""
    interval = watchdog_interval()
    while interval > 0:
        if healthy():
            notify("WATCHDOG=1")
        await asyncio.sleep(interval)
