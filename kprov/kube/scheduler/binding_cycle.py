"""What follows the choice of a node, while other pods are scheduled: Permit, PreBind, Bind and PostBind."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ClientError
from kprov.kube.scheduler import metrics, runtime
from kprov.kube.scheduler.attempt import Attempt, FailureHandler
from kprov.kube.scheduler.extenders.extenders import Extenders
from kprov.kube.scheduler.extenders.http_extender import ExtenderError
from kprov.kube.scheduler.framework import CycleState, PluginError, PodGoneError
from kprov.kube.scheduler.pod_info import place_pod
from kprov.kube.scheduler.pod_reporter import PodReporter
from kprov.kube.scheduler.queue import SchedulingQueue
from kprov.kube.scheduler.state import ClusterState
from kprov.kube.scheduler.status import SUCCESS, Code, Status
from kprov.kube.scheduler.waiting_pods import WaitingPod, WaitingPods

log = logging.getLogger(__name__)


class BindingCycle:
    """``on_release``: called with a pod that is not bound after all. Others may use its node."""

    def __init__(
        self,
        state: ClusterState,
        queue: SchedulingQueue,
        failures: FailureHandler,
        reporter: PodReporter,
        waiting: WaitingPods,
        extenders: Extenders,
        on_release: Callable[[Pod], None],
    ) -> None:
        self._state = state
        self._queue = queue
        self._failures = failures
        self._reporter = reporter
        self._waiting = waiting
        self._extenders = extenders
        self._on_release = on_release
        #: Pods that are being bound.
        self.count = 0
        #: PreBind of pods, by UID. Preemption cancels it.
        self._pre_binding: dict[str, asyncio.Task[None]] = {}

    def cancel(self, uid: str) -> bool:
        """Preempt a pod that waits in Permit or PreBind. Returns False if it does not."""
        waiting = self._waiting.get(uid)
        if waiting is not None:
            return waiting.preempt("DefaultPreemption", "preempted")
        task = self._pre_binding.get(uid)
        return task is not None and task.cancel()

    async def run(self, attempt: Attempt, cycle: CycleState, node: str, waiting: WaitingPod | None) -> None:
        """Bind the pod, or put it back into the queue. waiting: if Permit holds it."""
        self.count += 1
        try:
            await self._run(attempt, cycle, node, waiting)
        finally:
            self.count -= 1

    async def _run(self, attempt: Attempt, cycle: CycleState, node: str, waiting: WaitingPod | None) -> None:
        status = await self._prepare(attempt, cycle, node, waiting)
        if status.is_success:
            status = await self._bind(cycle, node)
        if not status.is_success:
            # Before the pod is tried again: the next attempt may write the same.
            await runtime.undo_pre_binds(cycle, node)
            self._give_up(attempt, cycle, node, status)
            return
        self._queue.remove(attempt.queued.uid)
        attempt.record_scheduled()
        self._reporter.report_scheduled(attempt.pod, node)
        runtime.run_post_binds(cycle, node)

    async def _prepare(
        self, attempt: Attempt, cycle: CycleState, node: str, waiting: WaitingPod | None
    ) -> Status:
        needs_pre_bind = runtime.needs_pre_bind(cycle, node)
        if waiting is None and not needs_pre_bind:
            self._queue.end_attempt(attempt.queued.uid)
            return SUCCESS
        if attempt.pod.status.nominated_node_name != node:
            # The binding may take minutes: others, such as a cluster autoscaler, see where the pod will go.
            attempt.nominated = True
            await self._reporter.write_nomination(attempt.pod, node)
        status = SUCCESS if waiting is None else await self._wait_on_permit(waiting)
        if status.is_success:
            # The pod cannot be rejected any more: events that it may have missed do not matter.
            self._queue.end_attempt(attempt.queued.uid)
        if status.is_success and needs_pre_bind:
            status = await self._pre_bind(cycle, node)
        return status

    async def _wait_on_permit(self, waiting: WaitingPod) -> Status:
        start = time.perf_counter()
        try:
            status = await waiting.wait()
        finally:
            self._waiting.remove(waiting.pod.metadata.uid)
        metrics.record_permit_wait(status.code.value, time.perf_counter() - start)
        if status.code is Code.ERROR:
            return Status(Code.ERROR, f"waiting on permit for pod: {status.message}", status.plugin)
        return status

    async def _pre_bind(self, cycle: CycleState, node: str) -> Status:
        uid = cycle.info.pod.metadata.uid
        work = self._pre_binding[uid] = asyncio.create_task(runtime.run_pre_binds(cycle, node))
        try:
            await work
        except (PluginError, ClientError) as error:
            return Status(Code.ERROR, str(error))
        except asyncio.CancelledError:
            if not _is_preempted(work):
                raise
            return Status(Code.ERROR, "preempted by DefaultPreemption")
        finally:
            del self._pre_binding[uid]
        return SUCCESS

    async def _bind(self, cycle: CycleState, node: str) -> Status:
        pod = cycle.info.pod
        try:
            if self._extenders and await self._extenders.bind(pod, node):
                return SUCCESS
            return await runtime.run_binds(cycle, node)
        except ExtenderError as error:
            return Status(Code.ERROR, str(error))
        except PodGoneError as error:
            self._queue.remove(pod.metadata.uid)
            return Status(Code.ERROR, str(error))

    def _give_up(self, attempt: Attempt, cycle: CycleState, node: str, status: Status) -> None:
        """The pod's node and what plugins reserved are free again.

        If a watch has shown meanwhile that the pod is bound, it keeps that place.
        """
        runtime.run_unreserves(cycle, node)
        self._state.forget_pod(cycle.info)
        log.info("pod %s does not get node %s: %s", attempt.pod.key, node, status.message)
        self._failures.take_back(attempt, status)
        self._on_release(place_pod(attempt.pod, node))


def _is_preempted(work: asyncio.Task[None]) -> bool:
    """Whether only the work was cancelled, not the task that waits for it."""
    current = asyncio.current_task()
    return work.cancelled() and current is not None and not current.cancelling()
