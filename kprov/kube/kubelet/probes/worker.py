"""Probes one container with one kind of probe, again and again (pkg/kubelet/prober/worker.go)."""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from kprov.kube.api.core import Container, Pod
from kprov.kube.api.meta import PodUID
from kprov.kube.component_base.tasks import start_background_task
from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.probes.kinds import LIVENESS, READINESS, STARTUP, get_probe
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject

log = logging.getLogger(__name__)

_INITIAL_RESULTS: Final = {LIVENESS: True, READINESS: False, STARTUP: None}
# A running container that is older than the kubelet by this keeps the readiness it had.
_RESTART_GRACE: Final = 10.0


class Prober(Protocol):
    """What the worker uses of the manager."""

    started_at: float
    get_status: Callable[[PodUID], JsonObject | None]

    def set_result(self, kind: str, container_id: str, uid: PodUID, *, success: bool) -> None: ...

    def remove_result(self, kind: str, container_id: str, uid: PodUID) -> None: ...

    async def probe(
        self, kind: str, pod: Pod, status: JsonObject, container: Container, container_id: str
    ) -> bool: ...


class ProbeWorker:
    def __init__(self, manager: Prober, pod: Pod, container: Container, kind: str) -> None:
        self._manager = manager
        self.pod = pod
        self._container = container
        self._kind = kind
        spec = get_probe(container, kind)
        assert spec is not None
        self._spec = spec
        self._period = float(spec.period_seconds or 10)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.container_id = ""
        self._on_hold = False
        self._last: bool | None = None
        self._streak = 0

    def start(self, on_end: Callable[[], Any]) -> None:
        self._task = start_background_task(self._run(), "probe")
        self._task.add_done_callback(lambda _: on_end())

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def probe_now(self) -> None:
        """Probe without waiting for the end of the period: a container has just started."""
        self._wake.set()

    async def _run(self) -> None:
        # After a restart of the kubelet not all probes run at the same moment.
        if self._period > time.time() - self._manager.started_at:
            await asyncio.sleep(random.random() * self._period * 0.1)  # noqa: S311  spreading load
        try:
            while await self._do_probe():
                self._wake.clear()
                # Look more often than the period until the container runs.
                wait = self._period if self.container_id else min(self._period, 1.0)
                try:
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("%s: the %s probe failed", pod_queries.format_pod(self.pod), self._kind)

    async def _do_probe(self) -> bool:
        """Return False when the container will not be probed any more."""
        status = self._manager.get_status(self.pod.uid)
        if status is None:
            return True
        if status.get("phase") in {"Failed", "Succeeded"}:
            return False
        container_status = _find_container_status(status, self._container.name)
        if container_status is None or not container_status.get("containerID"):
            return True
        container_id = container_status["containerID"].rpartition("://")[2]
        if container_id != self.container_id:
            self._set_container(container_id, container_status)
        if self._on_hold:
            return True
        if not container_status["state"].get("running"):
            return self._handle_stopped_container(container_status)
        if pod_queries.is_being_deleted(self.pod) and self._kind != READINESS:
            self._set_result(success=True)
            return False
        if not await self._wait_initial_delay(container_status):
            return True
        if bool(container_status.get("started")) == (self._kind == STARTUP):
            return True
        success = await self._manager.probe(self._kind, self.pod, status, self._container, container_id)
        self._count_result(container_id, success=success)
        return True

    def _set_result(self, *, success: bool) -> None:
        self._manager.set_result(self._kind, self.container_id, self.pod.uid, success=success)

    def _handle_stopped_container(self, container_status: JsonObject) -> bool:
        """Whether the container may run again."""
        self._set_result(success=False)
        policy = pod_queries.get_restart_policy(self.pod, self._container)
        return not container_status["state"].get("terminated") or policy != "Never"

    async def _wait_initial_delay(self, container_status: JsonObject) -> bool:
        """Wait at most one period. False when more than that is left of initialDelaySeconds."""
        left = _get_start_time(container_status) + self._spec.initial_delay_seconds - time.time()
        if left > 0:
            await asyncio.sleep(min(left, self._period))
        return left <= self._period

    def _set_container(self, container_id: str, container_status: JsonObject) -> None:
        """Go on with a new container of the same name."""
        if self.container_id:
            self._manager.remove_result(self._kind, self.container_id, self.pod.uid)
        self.container_id = container_id
        self._on_hold, self._last, self._streak = False, None, 0
        initial = _INITIAL_RESULTS[self._kind]
        if (
            initial is not None
            and _get_start_time(container_status) >= self._manager.started_at - _RESTART_GRACE
        ):
            self._set_result(success=initial)

    def _count_result(self, container_id: str, *, success: bool) -> None:
        """Store the result once the threshold is reached."""
        self._streak = self._streak + 1 if success == self._last else 1
        self._last = success
        threshold = (self._spec.success_threshold or 1) if success else (self._spec.failure_threshold or 3)
        if self._streak < threshold:
            return
        self._manager.set_result(self._kind, container_id, self.pod.uid, success=success)
        if self._kind == STARTUP or (self._kind == LIVENESS and not success):
            # The container is about to be replaced, or has started: wait for the next container.
            self._on_hold = True
            self._streak = 0


def _get_start_time(container_status: JsonObject) -> float:
    """Unix time of the start of a running container, now if it is not known."""
    running = container_status["state"].get("running") or {}
    return timestamps.seconds(running["startedAt"]) if running.get("startedAt") else time.time()


def _find_container_status(status: JsonObject, name: str) -> JsonObject | None:
    for field in ("containerStatuses", "initContainerStatuses"):
        for item in status.get(field) or []:
            if item["name"] == name:
                return item  # type: ignore[no-any-return]
    return None
