"""A pool for a server that says exactly what a test says. Each test runs on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from kprov.kube.component_base.http11.connection_pool import ConnectionPool
from kprov.kube.component_base.http11.dialing import Origin
from tests.unit.kube.component_base.http11.connection_pool.servers import SECONDS, Script, Serve, Server


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """serve(*scripts, **pool's): a pool for a server with a script for each connection."""
    made: list[tuple[ConnectionPool, Server, asyncio.Server]] = []

    async def serve(*scripts: Script, **more: Any) -> tuple[ConnectionPool, Server]:
        server = Server(scripts)
        listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        pool = ConnectionPool(Origin("127.0.0.1", port), connect_seconds=SECONDS, **more)
        made.append((pool, server, listener))
        return pool, server

    yield serve
    for pool, server, listener in made:
        await pool.close()
        assert not pool.has_connections
        await asyncio.wait_for(server.done.wait(), SECONDS)
        assert not server.errors
        listener.close()
        await listener.wait_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}
