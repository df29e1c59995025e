"""Tasks that run beside their caller. No other module calls `create_task`, except of a task group."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

#: The event loop itself keeps no task alive.
_running: Final[set[asyncio.Task[Any]]] = set()


def start_task(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Run a coroutine as a task that the caller awaits or cancels. It is kept until it ends."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


def start_background_task(work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
    """Run a coroutine as a task whose result nobody awaits: its exception is logged, with its name."""
    task = start_task(work, name)
    task.add_done_callback(_log_exception)
    return task


def _log_exception(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task %s failed", task.get_name(), exc_info=error)
