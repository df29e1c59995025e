"""Copies bytes between two connections in both directions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Final

from kprov.kube.component_base.tasks import start_task

_PIECE_BYTES: Final = 64 * 1024


async def copy_both_ways(
    incoming: AsyncIterable[bytes],
    send: Callable[[bytes], Awaitable[None]],
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    piece_bytes: int = _PIECE_BYTES,
) -> None:
    """Copy `incoming` to `writer`, and `reader` to `send`, until one of them ends or fails.

    incoming, send: of the client. reader, writer: of the backend. piece_bytes: longest piece for `send`.
    """

    async def copy_to_backend() -> None:
        async for data in incoming:
            writer.write(data)
            await writer.drain()

    async def copy_to_client() -> None:
        while data := await reader.read(piece_bytes):
            await send(data)

    tasks = {
        start_task(copy_to_backend(), "copy to backend"),
        start_task(copy_to_client(), "copy to client"),
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
