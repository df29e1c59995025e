"""How connections are opened."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.component_base.http11.connection_pool import ConnectionPool
from kprov.kube.component_base.http11.dialing import Dialer, Origin
from tests.unit.kube.component_base.http11.connection_pool.servers import (
    EMPTY,
    SECONDS,
    Serve,
    Server,
    fetch,
    reply,
)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a listener that completes no TLS handshake."""
    with socket.create_server(("127.0.0.3", 0)) as listener:
        yield listener.getsockname()[1]


async def test_connecting_has_a_time_limit(silent: int) -> None:
    context = ssl.create_default_context()
    pool = ConnectionPool(Origin("127.0.0.3", silent, context), connect_seconds=0.05)
    with pytest.raises(TimeoutError, match=rf"no connection to 127\.0\.0\.3:{silent} in 0\.05 seconds"):
        await fetch(pool)
    await pool.close()
    assert not pool.has_connections


async def test_a_request_that_is_cancelled_while_it_connects_leaves_nothing_behind(silent: int) -> None:
    context = ssl.create_default_context()
    pool = ConnectionPool(Origin("127.0.0.3", silent, context), connect_seconds=SECONDS)
    task = asyncio.create_task(fetch(pool))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await pool.close()
    assert not pool.has_connections
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_refused_connection_is_named(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    pool = ConnectionPool(Origin("127.0.0.1", port), connect_seconds=SECONDS)
    with pytest.raises(ConnectionRefusedError, match=rf"connect to 127\.0\.0\.1:{port}: "):
        await fetch(pool)
    await pool.close()


async def test_each_address_of_a_name_is_tried(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    pool, server = await serve(reply(EMPTY), reply(EMPTY))

    async def resolve(_: Dialer) -> list[str]:
        return ["127.0.0.9", "127.0.0.1"]

    monkeypatch.setattr(Dialer, "_resolve", resolve)
    assert await fetch(pool) == b""
    assert await fetch(pool) == b""
    assert server.connections == 2


async def test_an_address_that_does_not_answer_is_overtaken(
    silent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host without power stands first."""
    attempts: list[str] = []
    connect = Dialer._connect

    async def wait_for_first(self: Dialer, address: str, create: Any) -> Any:
        attempts.append(address)
        if address == "127.0.0.3":
            await asyncio.Event().wait()
        return await connect(self, address, create)

    async def resolve(_: Dialer) -> list[str]:
        return ["127.0.0.3", "127.0.0.1"]

    monkeypatch.setattr(Dialer, "_connect", wait_for_first)
    monkeypatch.setattr(Dialer, "_resolve", resolve)
    server = Server((reply(EMPTY),))
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    pool = ConnectionPool(Origin("name.example", port), connect_seconds=SECONDS)
    assert await fetch(pool) == b""
    assert attempts == ["127.0.0.3", "127.0.0.1"]
    await pool.close()
    await asyncio.wait_for(server.done.wait(), SECONDS)
    listener.close()
    await listener.wait_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_name_is_resolved(serve: Serve) -> None:
    server = Server((reply(EMPTY),))
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    pool = ConnectionPool(Origin("localhost", port), connect_seconds=SECONDS)
    assert await fetch(pool) == b""
    await pool.close()
    await asyncio.wait_for(server.done.wait(), SECONDS)
    listener.close()
    await listener.wait_closed()


async def test_a_server_at_a_unix_socket(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await reader.read()
        writer.close()

    path = str(tmp_path / "socket")
    server = await asyncio.start_unix_server(answer, path)
    pool = ConnectionPool(Origin("engine", 80, socket_path=path), connect_seconds=SECONDS)
    async with await pool.request("GET", "/", {"Host": "engine"}) as response:
        assert await response.read() == b"ok"
    await pool.close()
    server.close()


async def test_a_missing_unix_socket_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "missing")
    pool = ConnectionPool(Origin("engine", 80, socket_path=path), connect_seconds=SECONDS)
    with pytest.raises(FileNotFoundError, match=rf"connect to {path}: No such file or directory"):
        await pool.request("GET", "/", {"Host": "engine"})
    await pool.close()
