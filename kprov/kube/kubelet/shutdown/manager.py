"""Delays a shutdown of the node until its pods have ended (nodeshutdown.Manager)."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from kprov.kube.api.core import Pod
from kprov.kube.component_base.tasks import start_task
from kprov.kube.kubelet.config.shutdown_period import ShutdownPeriod
from kprov.kube.kubelet.events import EventSender
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.shutdown.groups import group_pods
from kprov.kube.kubelet.shutdown.logind import Logind, LogindError

log = logging.getLogger(__name__)

NOT_READY_MESSAGE: Final = "node is shutting down"
REJECTION: Final = ("NodeShutdown", "Pod was rejected as the node is shutting down.")

_MESSAGE: Final = "Pod was terminated in response to imminent node shutdown."
#: Status of the pods that a shutdown ends.
ENDED_STATUS: Final[dict[str, Any]] = {"phase": "Failed", "reason": "Terminated", "message": _MESSAGE}
ENDED_CONDITION: Final[dict[str, Any]] = {
    "type": "DisruptionTarget",
    "status": "True",
    "reason": "TerminationByKubelet",
    "message": _MESSAGE,
}
_FIRST_RETRY: Final = 1.0
_MAX_RETRY: Final = 60.0


class ShutdownState:
    """Whether the node is shutting down: the kubelet rejects pods then, and the node is not ready."""

    def __init__(self) -> None:
        self.is_shutting_down = False


class ShutdownManager:
    """Delays shutdowns of the node."""

    def __init__(
        self,
        schedule: Sequence[ShutdownPeriod],
        state: ShutdownState,
        *,
        list_active_pods: Callable[[], list[Pod]],
        kill_pod: Callable[[Pod, int], Awaitable[None]],
        send_statuses: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
        events: EventSender,
        logind: Callable[[], Logind] = Logind,
    ) -> None:
        """`kill_pod(pod, seconds)` returns when the pod has ended. `send_statuses()` sends its status."""
        self._schedule = schedule
        self._state = state
        self._list_active_pods = list_active_pods
        self._kill_pod = kill_pod
        self._send_statuses = send_statuses
        self._on_change = on_change
        self._events = events
        self._logind = logind
        self._inhibitor: int | None = None

    @property
    def max_seconds(self) -> int:
        """The longest delay of a shutdown."""
        return sum(period.seconds for period in self._schedule)

    async def run(self) -> None:
        """Watch for shutdowns until cancelled. Returns immediately if no grace period is configured."""
        if not self._schedule:
            return
        pause, last = _FIRST_RETRY, ""
        while True:
            try:
                await self._watch()
                pause, last = _FIRST_RETRY, ""
                log.warning("the connection to logind ended, connecting again")
            except (LogindError, OSError) as error:
                if str(error) != last:
                    log.warning("pods will not be ended before the node shuts down: %s", error)
                last = str(error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_RETRY)

    async def _watch(self) -> None:
        async with self._logind() as logind:
            await logind.ensure_max_delay(self.max_seconds)
            await logind.subscribe()
            try:
                self._inhibitor = await logind.inhibit()
                log.info("a shutdown of the node waits up to %d s for its pods to end", self.max_seconds)
                async for begins in logind.shutdowns():
                    if begins:
                        await self._begin_shutdown()
                    else:
                        self._cancel_shutdown()
                        self._release_inhibitor()
                        self._inhibitor = await logind.inhibit()
            finally:
                self._release_inhibitor()

    async def _begin_shutdown(self) -> None:
        log.info("the node is shutting down, ending its pods")
        self._events.send_node_event("Normal", "NodeShutdown", "Shutdown manager detected shutdown event")
        self._state.is_shutting_down = True
        self._on_change()
        try:
            await self._end_pods()
            await self._send_statuses()
        finally:
            log.info("the shutdown of the node continues")
            self._release_inhibitor()

    def _cancel_shutdown(self) -> None:
        log.info("the shutdown was cancelled")
        self._events.send_node_event(
            "Normal", "NodeShutdown", "Shutdown manager detected shutdown cancellation"
        )
        self._state.is_shutting_down = False
        self._on_change()

    async def _end_pods(self) -> None:
        """One group after the other, each within its time."""
        for period, members in group_pods(self._schedule, self._list_active_pods()):
            if not members:
                continue
            kills = [
                start_task(
                    self._end_pod(pod, min(period.seconds, pod_queries.get_termination_grace(pod))),
                    f"end of pod {pod_queries.format_pod(pod)}",
                )
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

    async def _end_pod(self, pod: Pod, seconds: int) -> None:
        try:
            await self._kill_pod(pod, seconds)
        except Exception:
            log.exception("ending pod %s", pod_queries.format_pod(pod))

    def _release_inhibitor(self) -> None:
        if self._inhibitor is not None:
            os.close(self._inhibitor)
            self._inhibitor = None
