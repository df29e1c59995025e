"""A bus of its own, with a service on it that answers as systemd-logind does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

_CONFIG = """<busconfig><type>custom</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"""


class LogindServer:
    """Inhibit, InhibitDelayMaxUSec and PrepareForShutdown of login1, and KillUnit of systemd1."""

    def __init__(self, address: str, config_file: Path, bus: MessageBus) -> None:
        self.address = address
        self.config_file = config_file
        self.inhibitors: list[list[str]] = []
        self.inhibited = asyncio.Event()
        self.max_delay = 5_000_000
        self.obeys_config = True
        self._bus = bus
        self._reading: list[int] = []
        bus.add_message_handler(self._answer)

    def _answer(self, message: Message) -> Message | None:
        if message.message_type != MessageType.METHOD_CALL:
            return None
        if message.member == "Inhibit":
            reading, writing = os.pipe()
            self._reading.append(reading)
            self.inhibitors.append(message.body)
            self.inhibited.set()
            reply = Message.new_method_return(message, "h", [0], [writing])
            asyncio.get_running_loop().call_later(0.1, os.close, writing)
            return reply
        if message.member == "Get":
            return Message.new_method_return(message, "v", [Variant("t", self.max_delay)])
        if message.member == "KillUnit":
            if self.obeys_config:
                text = self.config_file.read_text()
                self.max_delay = int(re.findall(r"InhibitDelayMaxSec=(\d+)", text)[0]) * 1_000_000
            return Message.new_method_return(message)
        return None

    async def prepare_for_shutdown(self, *, begins: bool) -> None:
        """Tell all that a shutdown begins, or was cancelled."""
        path, interface = "/org/freedesktop/login1", "org.freedesktop.login1.Manager"
        await self._bus.send(Message.new_signal(path, interface, "PrepareForShutdown", "b", [begins]))

    async def wait_for_release(self, index: int) -> None:
        """Return when the client has closed the descriptor of its inhibitor with this number."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        loop, descriptor = asyncio.get_running_loop(), self._reading[index]

        def readable() -> None:
            loop.remove_reader(descriptor)
            ended.set_result(None)

        loop.add_reader(descriptor, readable)
        async with asyncio.timeout(10):
            await ended

    def is_held(self, index: int) -> bool:
        os.set_blocking(self._reading[index], False)
        try:
            return os.read(self._reading[index], 1) != b""
        except BlockingIOError:
            return True


@contextlib.asynccontextmanager
async def logind_server(folder: Path) -> AsyncIterator[LogindServer]:
    """Skips where there is no dbus-daemon."""
    program = shutil.which("dbus-daemon")
    if program is None:
        pytest.skip("needs dbus-daemon")
    config = folder / "bus.conf"
    config.write_text(_CONFIG.format(socket=folder / "bus"))
    daemon = await asyncio.create_subprocess_exec(
        program,
        "--nofork",
        "--print-address",
        f"--config-file={config}",
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert daemon.stdout is not None
        address = (await daemon.stdout.readline()).decode().strip()
        bus = await MessageBus(address, negotiate_unix_fd=True).connect()
        server = LogindServer(address, folder / "logind.conf.d" / "99-kubelet.conf", bus)
        await bus.request_name("org.freedesktop.login1")
        await bus.request_name("org.freedesktop.systemd1")
        yield server
        bus.disconnect()
    finally:
        if daemon.returncode is None:
            daemon.terminate()
        await daemon.wait()
