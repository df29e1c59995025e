"""A worker for each pod: it starts the pod, keeps it running and ends it (pkg/kubelet/pod_workers.go).

A pod's life: syncing > terminating (its containers are being stopped) > terminated (nothing of it runs here).
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from kprov.kube.api.core import Pod
from kprov.kube.client import ClientError
from kprov.kube.component_base.tasks import start_background_task, start_task
from kprov.kube.kubelet.cri.client import RuntimeFailure
from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.kubelet.pods import pod_queries

log = logging.getLogger(__name__)

SYNCING, TERMINATING, TERMINATED = "syncing", "terminating", "terminated"
_FIRST_RETRY: Final = 1.0
_MAX_RETRY: Final = 30.0


class PodSyncer(Protocol):
    """The steps of a pod's life. The worker repeats a step until it succeeds."""

    async def sync_pod(self, pod: Pod) -> tuple[bool, float | None]:
        """(whether the pod has ended by itself, seconds until the next try or None)."""
        ...

    async def sync_terminating_pod(self, pod: Pod, grace: int | None) -> None: ...

    async def sync_terminated_pod(self, pod: Pod) -> None: ...


class PodWorker:
    def __init__(
        self, pod: Pod, syncer: PodSyncer, resync_seconds: float, on_end: Callable[["PodWorker"], None]
    ) -> None:
        self.pod = pod
        self.uid = pod.uid
        self.stage = SYNCING
        self.started_at = time.time()
        self._syncer = syncer
        self._resync = resync_seconds
        self._on_end = on_end
        self._wake = asyncio.Event()
        self._wake.set()
        self._grace: int | None = None
        self._step: asyncio.Task[Any] | None = None
        name = f"pod {pod_queries.format_pod(pod)}"
        self._task = start_background_task(self._run(), name)

    def wake(self) -> None:
        """Sync the pod now: something happened to it."""
        self._wake.set()

    def update_pod(self, pod: Pod) -> None:
        """Go on with a newer version of the pod."""
        self.pod = pod
        if pod_queries.is_being_deleted(pod):
            self.terminate(pod_queries.get_deletion_grace(pod))
        elif pod_queries.is_finished(pod):
            self.terminate(None)
        self.wake()

    def terminate(self, grace: int | None) -> None:
        """End the pod. A shorter grace period than before takes effect immediately."""
        shorter = grace is not None and (self._grace is None or grace < self._grace)
        if shorter:
            self._grace = grace
        if self.stage == SYNCING or (self.stage == TERMINATING and shorter):
            self.stage = TERMINATING
            if self._step is not None:
                self._step.cancel()
        self.wake()

    async def wait_until_ended(self) -> None:
        """Return when nothing of the pod runs here, or the worker was stopped."""
        await asyncio.wait([self._task])

    def stop(self) -> None:
        """Stop the worker. The pod goes on running: the kubelet exits."""
        self._task.cancel()

    async def _run(self) -> None:
        retry = _FIRST_RETRY
        while True:
            self._wake.clear()
            self._step = start_task(self._run_step(), "step of a pod worker")
            try:
                wait = await self._step
                retry = _FIRST_RETRY
            except asyncio.CancelledError:
                current = asyncio.current_task()
                if current is not None and current.cancelling():
                    self._step.cancel()
                    raise
                continue
            except Exception as error:  # noqa: BLE001 - the worker tries again whatever failed
                _log_error(self.pod, error)
                wait = retry
                retry = min(retry * 2, _MAX_RETRY)
            finally:
                self._step = None
            if self.stage == TERMINATED and wait is None:
                self._on_end(self)
                return
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _run_step(self) -> float | None:
        """Seconds to wait before the next step. None when the pod has ended."""
        if self.stage == SYNCING:
            if pod_queries.is_being_deleted(self.pod) or pod_queries.is_finished(self.pod):
                self._grace = pod_queries.get_deletion_grace(self.pod)
                self.stage = TERMINATING
            else:
                ended, retry = await self._syncer.sync_pod(self.pod)
                if not ended:
                    resync = self._resync * (1 + random.random() * 0.5)  # noqa: S311  spreading load
                    return resync if retry is None else min(retry, resync)
                self.stage = TERMINATING
        if self.stage == TERMINATING:
            await self._syncer.sync_terminating_pod(self.pod, self._grace)
            self.stage = TERMINATED
        if self.stage == TERMINATED:
            await self._syncer.sync_terminated_pod(self.pod)
        return None


def _log_error(pod: Pod, error: Exception) -> None:
    if isinstance(error, RuntimeFailure | VolumeError | ClientError | OSError):
        log.warning("syncing pod %s, trying again: %s", pod_queries.format_pod(pod), error)
    else:
        log.error("syncing pod %s failed, trying again", pod_queries.format_pod(pod), exc_info=error)
