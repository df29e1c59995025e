"""Post-start hooks: work of the server besides requests, under upstream's names."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PostStartHook:
    """Work that starts when the server listens. `run` may continue until it is cancelled.

    /readyz has a check "poststarthook/NAME" that passes once `run` has called `done` (or returned).
    """

    name: str
    run: Callable[[Callable[[], None]], Awaitable[None]]
