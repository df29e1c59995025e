"""Work that is brought to its end, also when nobody waits for it any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from kprov.kube.component_base.http11.body import ClientGoneError
from kprov.kube.machinery import status

log = logging.getLogger(__name__)

T = TypeVar("T")


async def finished(work: Coroutine[Any, Any, T], seconds: float) -> T:
    """The result of a write; StatusError 504 when it takes longer.

    Cancelled or too late, the write goes on: hooks must hear of what it did. How it ends then is only logged
    where it is no answer of this server's, and not that it could not begin since its client left.
    """
    task = asyncio.ensure_future(work)
    try:
        # Not asyncio.shield: newer Pythons complain of what ends behind it.
        done, _ = await asyncio.wait((task,), timeout=seconds)
    except asyncio.CancelledError:
        task.add_done_callback(_alone)
        raise
    if not done:
        task.add_done_callback(_alone)
        raise status.timeout("request did not complete within the allotted timeout")
    return task.result()


def _alone(task: asyncio.Future[Any]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, status.StatusError | ClientGoneError):
        log.error("a write whose client did not wait failed", exc_info=error)
