"""The newest revision for many concurrent callers: one request serves all that called before it was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kprov.kube.component_base.tasks import start_background_task


class Revisions:
    """`ask` sends one request to the cluster. At most one is pending."""

    def __init__(self, ask: Callable[[], Awaitable[int]]) -> None:
        self._ask = ask
        self._waiting: list[asyncio.Future[int]] = []
        self._asking: asyncio.Task[None] | None = None

    async def read_newest(self) -> int:
        """Return a revision that includes every write that was answered before. Raise as `ask`."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if self._asking is None:
            self._asking = start_background_task(self._answer_waiters(), "newest revision")
        return await future

    async def _answer_waiters(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                try:
                    revision = await self._ask()
                except Exception as error:  # passed to the callers
                    for future in waiting:
                        if not future.done():
                            future.set_exception(error)
                else:
                    for future in waiting:
                        if not future.done():
                            future.set_result(revision)
        finally:
            self._asking = None
