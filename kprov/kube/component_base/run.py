"""The life of a component's process: event loop, signals, exit code."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from kprov.kube.component_base import sd_notify
from kprov.kube.component_base.tasks import start_task

log = logging.getLogger(__name__)

# A component that has not stopped so many seconds after a signal is cancelled.
STOP_GRACE_SECONDS: Final = 20.0


class FatalError(Exception):
    """Ends the process with one line and without a traceback: wrong configuration, lost leadership."""


def main(serve: Callable[[asyncio.Event], Coroutine[Any, Any, int | None]]) -> int:
    """Run `serve(stop)` on uvloop until it returns, and return the exit code. None counts as 0.

    SIGTERM and SIGINT set `stop`. A second signal, or 20 s after the first, cancels `serve`. An exception
    is logged and gives 1.
    """
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_supervise(serve))


async def _supervise(serve: Callable[[asyncio.Event], Coroutine[Any, Any, int | None]]) -> int:
    stop = asyncio.Event()
    task = start_task(serve(stop), "component")
    watchdog = start_task(sd_notify.watchdog(), "watchdog")
    loop = asyncio.get_running_loop()

    def handle_signal() -> None:
        if stop.is_set():
            task.cancel()
            return
        log.info("stopping")
        sd_notify.notify("STOPPING=1")
        stop.set()
        loop.call_later(STOP_GRACE_SECONDS, task.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle_signal)
    try:
        return await task or 0
    except asyncio.CancelledError:
        log.warning("cancelled before it had stopped")
        return 1
    except BaseExceptionGroup as group:
        for error in _flatten(group):
            unknown = None if isinstance(error, FatalError) else error
            log.error("%s", error, exc_info=unknown)  # noqa: TRY400  logged by its own kind
        return 1
    except (FatalError, OSError) as error:
        log.error("%s", error)  # noqa: TRY400  it says everything
        return 1
    except Exception:
        log.exception("failed")
        return 1
    finally:
        watchdog.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watchdog


async def run_until(stop: asyncio.Event, *works: Awaitable[Any]) -> None:
    """Run the awaitables until `stop` is set or all have ended. If one raises, the others are cancelled.

    ExceptionGroup: what they raised.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_await(work)) for work in works]
        stopped = group.create_task(stop.wait())
        everything = asyncio.gather(*tasks, return_exceptions=True)
        waited: list[asyncio.Future[Any]] = [stopped, everything]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, stopped):
            task.cancel()


async def _await(work: Awaitable[Any]) -> Any:
    return await work


def _flatten(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves.extend(_flatten(error) if isinstance(error, BaseExceptionGroup) else [error])
    return leaves
