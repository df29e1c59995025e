"""The time that the expressions of all policies may take for one request.

Upstream counts a cost, of which its budget (RuntimeCELCostBudget) is about one second. The library counts
none, so that this is CPU time. Between two expressions other requests run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import contextmanager
from time import thread_time
from typing import TYPE_CHECKING, Final

from kprov.kube.component_helpers.cel.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXHAUSTED: Final = (
    "validation failed due to running out of cost budget, no further validation rules will be run"
)
_SECONDS: Final = 1.0
#: After so many seconds other requests run.
_STEP_SECONDS: Final = 0.01


class Budget:
    """Of one request."""

    def __init__(self, clock: Callable[[], float] = thread_time, seconds: float = _SECONDS) -> None:
        self._clock = clock
        self._left = seconds
        self._step = 0.0
        self._is_running = False

    @contextmanager
    def spend(self) -> Iterator[None]:
        """Count the time of an evaluation. Raise EvaluationError if nothing is left before it."""
        if self._is_running:
            yield  # a variable within an expression
            return
        if self._left <= 0:
            raise EvaluationError(EXHAUSTED)
        begin, self._is_running = self._clock(), True
        try:
            yield
        finally:
            self._is_running = False
            used = self._clock() - begin
            self._left -= used
            self._step += used

    async def give_way(self) -> None:
        """Let other requests run after a while."""
        if self._step > _STEP_SECONDS:
            self._step = 0.0
            await asyncio.sleep(0)
