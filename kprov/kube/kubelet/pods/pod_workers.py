"""One worker for each pod: it brings the pod up, keeps it so, and ends it (pkg/kubelet/pod_workers.go).

A pod's life: syncing > terminating (containers are being ended) > terminated (nothing of it is left here).
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from kprov.kube.kubelet.pods import pod_queries
from kprov.kube.kubelet.pods.pod_queries import Pod

log = logging.getLogger(__name__)

SYNCING, TERMINATING, TERMINATED = "syncing", "terminating", "terminated"
_FIRST_RETRY: Final = 1.0
_MAX_RETRY: Final = 30.0


class PodSyncer(Protocol):
    """The steps of a pod's life; each may be called again until it succeeds."""

    async def sync_pod(self, pod: Pod) -> tuple[bool, float | None]:
        """(the pod has ended by itself, seconds until the next try or None)."""
        ...

    async def sync_terminating(self, pod: Pod, grace: int | None) -> None: ...

    async def sync_terminated(self, pod: Pod) -> None: ...


class PodWorker:
    def __init__(
        self, pod: Pod, syncer: PodSyncer, resync_seconds: float, on_end: Callable[["PodWorker"], None]
    ) -> None:
        self.pod = pod
        self.uid = pod_queries.uid_of(pod)
        self.stage = SYNCING
        self.started_at = time.time()
        self._syncer = syncer
        self._resync = resync_seconds
        self._on_end = on_end
        self._wake = asyncio.Event()
        self._wake.set()
        self._grace: int | None = None
        # The object is gone from the API (or the file from its folder): end it whatever it says.
        self._orphaned = False
        self._step: asyncio.Task[Any] | None = None
        self._task = asyncio.get_running_loop().create_task(self._work(), name=f"pod {pod_queries.told(pod)}")

    def wake(self) -> None:
        """Something about the pod happened: look at it now."""
        self._wake.set()

    def update(self, pod: Pod) -> None:
        """A newer version of the pod."""
        self.pod = pod
        if pod_queries.is_being_deleted(pod):
            self.terminate(pod_queries.deletion_grace(pod))
        elif pod_queries.is_finished(pod):
            self.terminate(None)
        self.wake()

    def terminate(self, grace: int | None, *, orphaned: bool = False) -> None:
        """End it; a shorter grace than before takes effect at once."""
        self._orphaned = self._orphaned or orphaned
        shorter = grace is not None and (self._grace is None or grace < self._grace)
        if shorter:
            self._grace = grace
        if self.stage == SYNCING or (self.stage == TERMINATING and shorter):
            first = self.stage == SYNCING
            self.stage = TERMINATING
            if self._step is not None and (first or shorter):
                self._step.cancel()
        self.wake()

    @property
    def is_ended(self) -> bool:
        return self._task.done()

    async def wait_until_ended(self) -> None:
        """Return when nothing of the pod is left here, or the worker was stopped."""
        await asyncio.wait([self._task])

    def stop(self) -> None:
        """End the worker, not the pod: the kubelet is going down."""
        self._task.cancel()

    async def _work(self) -> None:
        retry = _FIRST_RETRY
        while True:
            self._wake.clear()
            self._step = asyncio.get_running_loop().create_task(self._turn())
            try:
                wait = await self._step
                retry = _FIRST_RETRY
            except asyncio.CancelledError:
                current = asyncio.current_task()
                if current is not None and current.cancelling():
                    self._step.cancel()
                    raise
                continue
            except Exception as error:
                _report(self.pod, error)
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

    async def _turn(self) -> float | None:
        """One step; seconds to wait before the next, None when it has ended."""
        if self.stage == SYNCING:
            if pod_queries.is_being_deleted(self.pod) or pod_queries.is_finished(self.pod):
                self._grace = pod_queries.deletion_grace(self.pod)
                self.stage = TERMINATING
            else:
                ended, retry = await self._syncer.sync_pod(self.pod)
                if not ended:
                    later = self._resync * (1 + random.random() * 0.5)  # noqa: S311  spreading load
                    return later if retry is None else min(retry, later)
                self.stage = TERMINATING
        if self.stage == TERMINATING:
            await self._syncer.sync_terminating(self.pod, self._grace)
            self.stage = TERMINATED
        if self.stage == TERMINATED:
            await self._syncer.sync_terminated(self.pod)
        return None


def _report(pod: Pod, error: Exception) -> None:
    from kprov.kube.client import ClientError
    from kprov.kube.kubelet.cri.client import RuntimeFailure
    from kprov.kube.kubelet.volumes.sources import VolumeError

    if isinstance(error, RuntimeFailure | VolumeError | ClientError | OSError):
        log.warning("syncing pod %s, trying again: %s", pod_queries.told(pod), error)
    else:
        log.error("syncing pod %s failed, trying again", pod_queries.told(pod), exc_info=error)
