"""An HTTP server of a test's own on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from kprov.kube.component_base.http11.listener import Handler, Listener

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(handle: Handle) -> AsyncIterator[int]:
    """The port at which `handle` answers until the block ends."""
    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def listening(handle: Handler) -> AsyncIterator[int]:
    """As `served`, with the components' own listener."""
    listener = Listener(handle)
    await listener.start("127.0.0.1", 0)
    try:
        yield listener.port
    finally:
        await listener.close()
