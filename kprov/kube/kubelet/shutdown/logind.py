"""systemd-logind over D-Bus: delays shutdowns and reports them (org.freedesktop.login1)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

from dbus_fast import BusType, DBusFastError, Message, MessageType
from dbus_fast.aio import MessageBus

from kprov.kube.component_base.tasks import start_background_task

_LOGIND: Final = "org.freedesktop.login1"
_LOGIND_PATH: Final = "/org/freedesktop/login1"
_MANAGER: Final = "org.freedesktop.login1.Manager"
_SYSTEMD: Final = "org.freedesktop.systemd1"
_SYSTEMD_PATH: Final = "/org/freedesktop/systemd1"
_SIGHUP: Final = 1
#: Seconds that the bus or a service has to reply.
_TIMEOUT: Final = 10.0
#: logind reads its configuration some time after the signal.
_RELOAD_PAUSES: Final = (0.1, 0.2, 0.4, 0.8, 1.6)

CONFIG_FILE: Final = Path("/etc/systemd/logind.conf.d/99-kubelet.conf")


class LogindError(Exception):
    """D-Bus or logind cannot be reached, or refused a request."""


class Logind:
    """A connection to the bus, for `async with`."""

    def __init__(self, address: str = "", config_file: Path = CONFIG_FILE) -> None:
        self._address = address
        self._config_file = config_file
        self._bus: MessageBus | None = None
        # True: a shutdown begins, False: it was cancelled, None: the connection ended.
        self._signals: asyncio.Queue[bool | None] = asyncio.Queue()
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        bus = MessageBus(self._address or None, BusType.SYSTEM, negotiate_unix_fd=True)
        try:
            async with asyncio.timeout(_TIMEOUT):
                await bus.connect()
        except (OSError, DBusFastError, EOFError, TimeoutError) as error:
            raise LogindError(f"connecting to D-Bus: {str(error) or 'timed out'}") from error
        self._bus = bus
        self._watch = start_background_task(self._report_disconnect(bus), "connection to logind")
        bus.add_message_handler(self._handle_message)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._bus is not None
        assert self._watch is not None
        self._bus.disconnect()
        self._watch.cancel()
        await asyncio.wait([self._watch])

    async def _report_disconnect(self, bus: MessageBus) -> None:
        with contextlib.suppress(Exception):
            await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        self._signals.put_nowait(None)

    def _handle_message(self, message: Message) -> None:
        if (
            message.message_type == MessageType.SIGNAL
            and message.interface == _MANAGER
            and message.member == "PrepareForShutdown"
            and message.body
        ):
            self._signals.put_nowait(bool(message.body[0]))

    async def shutdowns(self) -> AsyncIterator[bool]:
        """Yield True when a shutdown begins, False when one is cancelled. Ends with the connection."""
        while (begins := await self._signals.get()) is not None:
            yield begins

    async def subscribe(self) -> None:
        """Request the signals that `shutdowns` yields."""
        rule = f"type='signal',interface='{_MANAGER}',member='PrepareForShutdown',path='{_LOGIND_PATH}'"
        await self._call(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", rule
        )

    async def inhibit(self) -> int:
        """Delay shutdowns until the returned descriptor is closed."""
        reply = await self._call(
            _LOGIND,
            _LOGIND_PATH,
            _MANAGER,
            "Inhibit",
            "ssss",
            "shutdown",
            "kubelet",
            "Kubelet needs time to handle node shutdown",
            "delay",
        )
        return int(reply.unix_fds[reply.body[0]])

    async def get_max_delay(self) -> float:
        """Return the longest time that an inhibitor may delay a shutdown, in seconds."""
        reply = await self._call(
            _LOGIND,
            _LOGIND_PATH,
            "org.freedesktop.DBus.Properties",
            "Get",
            "ss",
            _MANAGER,
            "InhibitDelayMaxUSec",
        )
        return float(reply.body[0].value) / 1_000_000

    async def ensure_max_delay(self, seconds: int) -> None:
        """Configure logind to allow a delay of `seconds`. Raises LogindError, OSError."""
        if await self.get_max_delay() >= seconds:
            return
        text = f"# Written by the kubelet for shutdownGracePeriod.\n[Login]\nInhibitDelayMaxSec={seconds}\n"
        await asyncio.to_thread(self._write_config, text)
        await self._call(
            _SYSTEMD,
            _SYSTEMD_PATH,
            "org.freedesktop.systemd1.Manager",
            "KillUnit",
            "ssi",
            "systemd-logind.service",
            "all",
            _SIGHUP,
        )
        for pause in _RELOAD_PAUSES:
            if await self.get_max_delay() >= seconds:
                return
            await asyncio.sleep(pause)
        raise LogindError(
            f"logind allows a delay of {await self.get_max_delay():g} s, and {seconds} s are needed:"
            f" another file overrides InhibitDelayMaxSec of {self._config_file}"
        )

    def _write_config(self, text: str) -> None:
        # The usual modes of configuration files, whatever the umask is.
        folder = self._config_file.parent
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
        self._config_file.write_text(text, encoding="ascii")
        self._config_file.chmod(0o644)

    async def _call(
        self, destination: str, path: str, interface: str, member: str, signature: str, *body: Any
    ) -> Message:
        assert self._bus is not None
        message = Message(
            destination=destination,
            path=path,
            interface=interface,
            member=member,
            signature=signature,
            body=list(body),
        )
        try:
            async with asyncio.timeout(_TIMEOUT):
                reply = await self._bus.call(message)
        except (OSError, DBusFastError, EOFError, TimeoutError) as error:
            raise LogindError(f"{member}: {str(error) or 'timed out'}") from error
        if reply is None or reply.message_type == MessageType.ERROR:
            text = reply.body[0] if reply is not None and reply.body else "no reply"
            raise LogindError(f"{member}: {text}")
        return reply
