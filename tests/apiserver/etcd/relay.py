"""A way to an address that can be cut: connections stay open and new ones are taken, but no byte passes."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Port `port` of 127.0.0.1, behind which is `target`, also a port of 127.0.0.1."""

    target: int
    port: int = 0
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _whole: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._whole.clear)

    def mend(self) -> None:
        """What was sent meanwhile arrives now, as TCP would send it again."""
        self._loop.call_soon_threadsafe(self._whole.set)

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        self._whole.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await stop.wait()
        server.close()

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        await self._whole.wait()
        try:
            far, forth = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            back.transport.abort()
            return
        ways = [asyncio.ensure_future(self._pass(near, forth)), asyncio.ensure_future(self._pass(far, back))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (forth, back):
                end.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(1 << 16):
                await self._whole.wait()
                sink.write(data)
                await sink.drain()


@contextlib.contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay with a thread of its own, so that it works whatever the test waits for."""
    made, started, stop = Relay(target), threading.Event(), asyncio.Event()

    def work() -> None:
        made._loop.run_until_complete(made.serve(started, stop))
        for task in asyncio.all_tasks(made._loop):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                made._loop.run_until_complete(task)
        made._loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    try:
        yield made
    finally:
        made._loop.call_soon_threadsafe(stop.set)
        thread.join()
