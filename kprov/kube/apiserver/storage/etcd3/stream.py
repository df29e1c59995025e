"""A stream to a member whose end nothing can hold up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any


class Stream:
    """grpc.aio's call of a bidirectional stream: `write`, iterate, `cancel`."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._writing: asyncio.Task[None] | None = None

    async def write(self, request: Any) -> None:
        """Raises AioRpcError, and CancelledError once the stream is cancelled.

        grpc.aio's own write waits for ever when its call is cancelled before the connection stands.
        """
        self._writing = asyncio.create_task(self._call.write(request))
        await self._writing

    def cancel(self) -> None:
        self._call.cancel()
        if self._writing is not None:
            self._writing.cancel()

    def __aiter__(self) -> AsyncIterator[Any]:
        answers: AsyncIterator[Any] = aiter(self._call)
        return answers
