"""What follows the choice of a node, while other pods are scheduled: Permit, PreBind, Bind and PostBind."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ClientError
from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.attempts.attempt import Attempt, FailureHandler
from kprov.kube.scheduler.attempts.pod_reporter import PodReporter
from kprov.kube.scheduler.extenders.extenders import Extenders
from kprov.kube.scheduler.extenders.http_extender import ExtenderError
from kprov.kube.scheduler.framework.pending_bindings import PendingBindings
from kprov.kube.scheduler.framework.plugin import CycleState, PluginError, PodGoneError
from kprov.kube.scheduler.framework.runtime import binding_points
from kprov.kube.scheduler.framework.status import SUCCESS, Code, Status
from kprov.kube.scheduler.framework.waiting_pods import WaitingPod
from kprov.kube.scheduler.queue.scheduling_queue import SchedulingQueue
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.pod_info import place_pod

log = logging.getLogger(__name__)


class BindingCycle:
    """Runs binding cycles. `on_release`: called with each pod that is not bound after all."""

    def __init__(
        self,
        state: ClusterState,
        queue: SchedulingQueue,
        failures: FailureHandler,
        reporter: PodReporter,
        bindings: PendingBindings,
        extenders: Extenders,
        on_release: Callable[[Pod], None],
    ) -> None:
        self._state = state
        self._queue = queue
        self._failures = failures
        self._reporter = reporter
        self._bindings = bindings
        self._extenders = extenders
        self._on_release = on_release
        #: Pods that are being bound.
        self.count = 0

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
            await binding_points.undo_pre_binds(cycle, node)
            self._give_up(attempt, cycle, node, status)
            return
        self._queue.remove(attempt.queued.uid)
        attempt.record_scheduled()
        self._reporter.report_scheduled(attempt.pod, node)
        binding_points.run_post_binds(cycle, node)

    async def _prepare(
        self, attempt: Attempt, cycle: CycleState, node: str, waiting: WaitingPod | None
    ) -> Status:
        needs_pre_bind = binding_points.needs_pre_bind(cycle, node)
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
            self._bindings.waiting_pods.remove(waiting.pod.metadata.uid)
        metrics.record_permit_wait(status.code.value, time.perf_counter() - start)
        if status.code is Code.ERROR:
            return Status(Code.ERROR, f"waiting on permit for pod: {status.message}", status.plugin)
        return status

    async def _pre_bind(self, cycle: CycleState, node: str) -> Status:
        uid = cycle.info.pod.metadata.uid
        try:
            is_done = await self._bindings.run_pre_bind(uid, binding_points.run_pre_binds(cycle, node))
        except (PluginError, ClientError) as error:
            return Status(Code.ERROR, str(error))
        return SUCCESS if is_done else Status(Code.ERROR, "preempted by DefaultPreemption")

    async def _bind(self, cycle: CycleState, node: str) -> Status:
        pod = cycle.info.pod
        try:
            if self._extenders and await self._extenders.bind(pod, node):
                return SUCCESS
            return await binding_points.run_binds(cycle, node)
        except ExtenderError as error:
            return Status(Code.ERROR, str(error))
        except PodGoneError as error:
            self._queue.remove(pod.metadata.uid)
            return Status(Code.ERROR, str(error))

    def _give_up(self, attempt: Attempt, cycle: CycleState, node: str, status: Status) -> None:
        """Free the pod's node and what the plugins reserved, and put the pod back into the queue.

        If a watch has shown meanwhile that the pod is bound, it keeps its place on the node.
        """
        binding_points.run_unreserves(cycle, node)
        self._state.forget_pod(cycle.info)
        log.info("pod %s does not get node %s: %s", attempt.pod.key, node, status.message)
        self._failures.take_back(attempt, status)
        self._on_release(place_pod(attempt.pod, node))
