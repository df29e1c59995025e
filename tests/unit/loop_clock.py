"""The clock of the running event loop, which a test moves instead of sleeping."""

from __future__ import annotations

import asyncio


class LoopClock:
    """Timers of the loop see the real time plus what `advance` added."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        real = loop.time
        self._added = 0.0
        loop.time = lambda: real() + self._added  # type: ignore[method-assign]

    async def advance(self, seconds: float) -> None:
        """Run the timers that are due `seconds` later."""
        self._added += seconds
        await run_loop(5)


async def run_loop(turns: int) -> None:
    """Let the other tasks run for so many turns of the loop."""
    for _ in range(turns):
        await asyncio.sleep(0)
