"""Work that is brought to its end, also when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from kprov.kube.component_base.http11.body import ClientGoneError
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

T = TypeVar("T")

#: Writes that nobody waits for: a loop alone does not keep its tasks.
_left: Final[set[asyncio.Task[None]]] = set()


async def finish_write(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of a write; StatusError 504 when it takes longer.

    Cancelled or too late, the write goes on: hooks must hear of what it did. How it ends then is only logged
    where it is no answer of this server's, and not that it could not begin since its client left.
    """
    loop = asyncio.get_running_loop()
    # Neither asyncio.shield, of which newer Pythons complain when what is behind it fails, nor asyncio.wait,
    # which comes back a turn of the loop later.
    answer: asyncio.Future[T] = loop.create_future()
    task = loop.create_task(_run_to_end(work, answer))
    timer = loop.call_later(seconds, _time_out, answer)
    try:
        return await answer
    except asyncio.CancelledError:
        if answer.done() and not answer.cancelled():
            answer.exception()  # it came at the same moment, and nobody else takes it
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
