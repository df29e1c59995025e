"""Writes with a deadline, which run to their end even after the client has its answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from kprov.kube.component_base.http11.body import ClientGoneError
from kprov.kube.component_base.tasks import start_task
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Writes whose client is gone. The event loop has only weak references to tasks.
_left: Final[set[asyncio.Task[None]]] = set()


async def finish_write(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """Return the result of a write. Raise StatusError 504 if it takes longer than `seconds`.

    The write continues after the deadline and after cancellation, because the hooks of the registry must see
    its result. Its exceptions are then logged, except StatusError and ClientGoneError.
    """
    loop = asyncio.get_running_loop()
    # asyncio.shield logs an exception of the inner task on newer Pythons, and asyncio.wait returns one
    # iteration of the event loop later.
    answer: asyncio.Future[T] = loop.create_future()
    task = start_task(_run_to_end(work, answer), "write")
    timer = loop.call_later(seconds, _time_out, answer)
    try:
        return await answer
    except asyncio.CancelledError:
        if answer.done() and not answer.cancelled():
            answer.exception()  # retrieved, so that asyncio does not log it
        raise
    finally:
        timer.cancel()
        if not task.done():
            _left.add(task)
            task.add_done_callback(_left.discard)


async def _run_to_end(work: Coroutine[Any, Any, T], answer: asyncio.Future[T]) -> None:
    try:
        result = await work
    except Exception as error:
        if not answer.done():
            answer.set_exception(error)
        elif not isinstance(error, status.StatusError | ClientGoneError):
            log.exception("a write whose client did not wait failed")
    except BaseException:
        answer.cancel()
        raise
    else:
        if not answer.done():
            answer.set_result(result)


def _time_out(answer: asyncio.Future[T]) -> None:
    if not answer.done():
        answer.set_exception(status.timeout("request did not complete within the allotted timeout"))
