"""Holds back a shutdown of the node until its pods have ended (nodeshutdown.Manager)."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from kprov.kube.kubelet.events import PodEvents
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Pod
from kprov.kube.kubelet.shutdown.groups import Period, group
from kprov.kube.kubelet.shutdown.logind import Logind, LogindError

log = logging.getLogger(__name__)

PROBLEM: Final = "node is shutting down"
REJECTION: Final = ("NodeShutdown", "Pod was rejected as the node is shutting down.")

_MESSAGE: Final = "Pod was terminated in response to imminent node shutdown."
#: Status of the pods that it ends.
ENDED_STATUS: Final[dict[str, Any]] = {"phase": "Failed", "reason": "Terminated", "message": _MESSAGE}
ENDED_CONDITION: Final[dict[str, Any]] = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "TerminationByKubelet",
    "message": _MESSAGE,
}
_FIRST_RETRY: Final = 1.0
_MAX_RETRY: Final = 60.0


class ShutdownManager:
    """``is_shutting_down`` tells whether pods are rejected and the node is not ready."""

    def __init__(
        self,
        schedule: Sequence[Period],
        *,
        active_pods: Callable[[], list[Pod]],
        kill: Callable[[Pod, int], Awaitable[None]],
        flush: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
        events: PodEvents,
        logind: Callable[[], Logind] = Logind,
    ) -> None:
        """``kill(pod, seconds)`` returns when the pod has ended; ``flush()`` sends the pods' last status."""
        self._schedule = schedule
        self._active_pods = active_pods
        self._kill = kill
        self._flush = flush
        self._on_change = on_change
        self._events = events
        self._logind = logind
        self._lock: int | None = None
        self.is_shutting_down = False

    @property
    def seconds(self) -> int:
        """How long a shutdown is delayed at most."""
        return sum(period.seconds for period in self._schedule)

    async def run(self) -> None:
        """Watch for shutdowns until cancelled. Returns at once when no grace period is configured."""
        if not self._schedule:
            return
        pause, last = _FIRST_RETRY, ""
        while True:
            try:
                await self._watch()
                pause, last = _FIRST_RETRY, ""
                log.warning("the connection to logind ended: connecting again")
            except (LogindError, OSError) as error:
                if str(error) != last:
                    log.warning("pods will not be ended before the node shuts down: %s", error)
                last = str(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_RETRY)

    async def _watch(self) -> None:
        async with self._logind() as logind:
            await logind.ensure_max_delay(self.seconds)
            await logind.subscribe()
            try:
                self._lock = await logind.inhibit()
                log.info("a shutdown of the node waits up to %d s for its pods to end", self.seconds)
                async for begins in logind.shutdowns():
                    if begins:
                        await self._begin()
                    else:
                        self._cancel()
                        self._release()
                        self._lock = await logind.inhibit()
            finally:
                self._release()

    async def _begin(self) -> None:
        log.info("the node is shutting down: ending its pods")
        self._events.node("Normal", "NodeShutdown", "Shutdown manager detected shutdown event")
        self.is_shutting_down = True
        self._on_change()
        try:
            await self._end_pods()
            await self._flush()
        finally:
            log.info("pods have ended: the shutdown goes on")
            self._release()

    def _cancel(self) -> None:
        log.info("the shutdown was cancelled")
        self._events.node("Normal", "NodeShutdown", "Shutdown manager detected shutdown cancellation")
        self.is_shutting_down = False
        self._on_change()

    async def _end_pods(self) -> None:
        """One group after the other, each within its time."""
        loop = asyncio.get_running_loop()
        for period, members in group(self._schedule, self._active_pods()):
            if not members:
                continue
            kills = [
                loop.create_task(self._end(pod, min(period.seconds, pod_queries.termination_grace(pod))))
                for pod in members
            ]
            _, pending = await asyncio.wait(kills, timeout=period.seconds)
            if pending:
                log.warning(
                    "%d of %d pods of priority %d and more have not ended within %d s",
                    len(pending),
                    len(members),
                    period.priority,
                    period.seconds,
                )

    async def _end(self, pod: Pod, seconds: int) -> None:
        try:
            await self._kill(pod, seconds)
        except Exception:
            log.exception("ending pod %s", pod_queries.told(pod))

    def _release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
