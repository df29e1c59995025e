"""Tasks that run beside their caller."""

from __future__ import annotations

import ast
import asyncio
import gc
import logging
import weakref
from pathlib import Path
from typing import Final

import pytest

import kprov
from kprov.kube.component_base.tasks import start_background_task, start_task

_PROGRAM: Final = Path(kprov.__file__).parent
_HELPER: Final = _PROGRAM / "kube/component_base/tasks.py"
_STARTERS: Final = {"create_task", "ensure_future"}
#: Names of task groups, which supervise their tasks themselves.
_GROUPS: Final = {"group", "tasks", "_group", "_tasks"}


async def fail() -> None:
    await asyncio.sleep(0)
    raise ValueError("no such thing")


async def test_an_error_that_nobody_awaits_is_logged_with_the_name_of_its_task(
    caplog: pytest.LogCaptureFixture,
) -> None:
    task = start_background_task(fail(), "work")
    await asyncio.wait([task])
    await asyncio.sleep(0)
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.ERROR, "task work failed")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


async def test_a_cancelled_task_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    task = start_background_task(asyncio.sleep(60), "work")
    task.cancel()
    await asyncio.wait([task])
    await asyncio.sleep(0)
    assert not caplog.records


async def test_the_error_of_an_awaited_task_is_the_callers(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="no such thing"):
        await start_task(fail(), "work")
    assert not caplog.records


async def test_a_task_that_nothing_else_keeps_runs_to_its_end() -> None:
    ended = asyncio.Event()
    waits: list[weakref.ref[asyncio.Future[None]]] = []

    async def work() -> None:
        # The future and the task refer to each other, and nothing else does.
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waits.append(weakref.ref(future))
        await future
        ended.set()

    start_task(work(), "work")
    await asyncio.sleep(0)
    gc.collect()
    future = waits[0]()
    assert future is not None, "the task was collected"
    future.set_result(None)
    async with asyncio.timeout(5):
        await ended.wait()


def test_no_module_starts_a_task_that_nobody_supervises() -> None:
    found = [
        f"{path.relative_to(_PROGRAM)}:{line}"
        for path in _PROGRAM.rglob("*.py")
        if path != _HELPER
        for line in _list_bare_tasks(path.read_text())
    ]
    assert not found, "use kprov.kube.component_base.tasks or a task group"


def _list_bare_tasks(source: str) -> list[int]:
    """Return the lines of calls that start a task outside a task group."""
    if not any(name in source for name in _STARTERS):
        return []
    return [
        call.lineno
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in _STARTERS
        and _name(call.func.value) not in _GROUPS
    ]


def _name(owner: ast.expr) -> str:
    return owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
