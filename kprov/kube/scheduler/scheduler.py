"""The scheduling loop: take a pod, pick a node, assume the pod, bind it in the background."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ApiError, ClientError
from kprov.kube.client.events import EventRecorder, reference
from kprov.kube.client.rest import RestClient
from kprov.kube.component_helpers.pod_conditions import find_condition
from kprov.kube.machinery import timestamps
from kprov.kube.machinery.json_object import JsonObject
from kprov.kube.scheduler import metrics, pod_info
from kprov.kube.scheduler.binding import bind_pod
from kprov.kube.scheduler.framework import CHANGES, PluginError, PostFilterResult, Profile
from kprov.kube.scheduler.nominator import Nominator
from kprov.kube.scheduler.queue import DEFAULT_BACKOFF, Backoff, QueuedPod, SchedulingQueue
from kprov.kube.scheduler.schedule_pod import ScheduleResult, schedule_pod
from kprov.kube.scheduler.state import ClusterState

log = logging.getLogger(__name__)

#: Bindings at the same time. More would only wait in the API server.
_BINDINGS = 64


class Scheduler:
    """Owns the state and the queue. `event_handlers.py` updates both from informers."""

    def __init__(
        self,
        client: RestClient,
        profiles: Sequence[Profile],
        recorders: Mapping[str, EventRecorder],
        *,
        backoff: Backoff = DEFAULT_BACKOFF,
    ) -> None:
        """recorders: by the names of the profiles."""
        self.state = ClusterState()
        self.queue = SchedulingQueue(backoff)
        self.nominator = Nominator()
        self._profiles = {profile.name: profile for profile in profiles}
        self._client = client
        self._recorders = recorders
        self._rng = random.Random()  # noqa: S311  spreading pods, not secrets
        self._bindings = asyncio.Semaphore(_BINDINGS)
        #: PreBind of pods, by UID. Preemption cancels it.
        self._pre_binding: dict[str, asyncio.Task[None]] = {}
        self._interests = {
            plugin.name: plugin.requeue_on for profile in profiles for plugin in profile.rejecting
        }

    def is_responsible_for(self, pod: Pod) -> bool:
        """Whether a profile has the pod's schedulerName."""
        return pod.spec.scheduler_name in self._profiles

    def get_requeue_kinds(self, rejected_by: frozenset[str]) -> frozenset[str]:
        """Kinds of change after which the rules may accept the pod. All kinds if no rule rejected it."""
        kinds: frozenset[str] = frozenset().union(
            *(self._interests.get(name, frozenset()) for name in rejected_by)
        )
        return kinds or CHANGES

    def handle_change(self, kind: str) -> None:
        """Try the pods again that a change of this kind may let fit."""
        self.queue.handle_change(kind, self.get_requeue_kinds)

    async def run(self) -> None:
        """Run until cancelled. Waits for bindings that are under way."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                queued = await self.queue.pop()
                await self._schedule_one(queued, tasks)
                # Let informers and bindings run between two pods.
                await asyncio.sleep(0)

    async def _schedule_one(self, queued: QueuedPod, tasks: asyncio.TaskGroup) -> None:
        pod = queued.pod
        if pod.metadata.deletion_timestamp:
            self.queue.remove(queued.uid)
            return
        start = time.perf_counter()
        try:
            info = pod_info.build_pod_info(pod)
            decision = schedule_pod(
                info, self.state, self._profiles[pod.spec.scheduler_name], self._rng, self.nominator
            )
            outcome = None if decision.node else self._run_post_filters(decision)
        except Exception:
            log.exception("scheduling pod %s", pod.key)
            self.queue.retry_after_backoff(queued)
            metrics.record_attempt("error", pod.spec.scheduler_name, time.perf_counter() - start)
            return
        if outcome is not None:
            metrics.record_attempt("unschedulable", pod.spec.scheduler_name, time.perf_counter() - start)
            self._hold(queued, decision, outcome, tasks)
            return
        self.nominator.remove(queued.uid)
        self.state.add_pod(info, decision.node)
        profile = decision.cycle.profile
        for plugin in profile.reserves:
            plugin.reserve(decision.cycle, decision.node)
        if any(plugin.needs_pre_bind(decision.cycle, decision.node) for plugin in profile.pre_binds):
            # It may take minutes, so it takes none of the places for bindings.
            tasks.create_task(self._pre_bind(queued, decision, start))
            return
        await self._bindings.acquire()
        tasks.create_task(self._bind(queued, decision, start))

    def _run_post_filters(self, decision: ScheduleResult) -> PostFilterResult:
        """The first answer of a plugin. Without nodes there is nothing to preempt."""
        if not self.state.node_count:
            return PostFilterResult("")
        for plugin in decision.cycle.profile.post_filters:
            result = plugin.post_filter(decision.cycle, decision.filtered)
            if result is not None:
                decision.diagnosis.post_filter_message = result.message
                return result
        return PostFilterResult("")

    def _hold(
        self,
        queued: QueuedPod,
        decision: ScheduleResult,
        outcome: PostFilterResult,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """No node fits. The pod waits for a change, and for the work of PostFilter if there is any."""
        rejected_by = decision.diagnosis.plugins
        self.queue.add_unschedulable(
            queued, rejected_by, self.get_requeue_kinds(rejected_by), block=outcome.work is not None
        )
        if outcome.node:
            self.nominator.add(decision.cycle.info, outcome.node)
        elif outcome.node == "":
            self.nominator.remove(queued.uid)
        if outcome.work is not None:
            tasks.create_task(self._finish_post_filter(queued, outcome.work))
        tasks.create_task(
            self._report_failure(queued.pod, "Unschedulable", decision.diagnosis.message, outcome.node)
        )

    async def _finish_post_filter(self, queued: QueuedPod, work: Callable[[], Awaitable[bool]]) -> None:
        succeeded = False
        try:
            succeeded = await work()
        except Exception:
            log.exception("PostFilter for pod %s", queued.pod.key)
        finally:
            self.queue.unblock(queued.uid, retry=not succeeded)

    def cancel_pre_bind(self, uid: str) -> bool:
        """Stop the binding of a pod that PreBind prepares. Returns False if there is nothing to stop."""
        task = self._pre_binding.get(uid)
        return task is not None and task.cancel()

    async def _pre_bind(self, queued: QueuedPod, decision: ScheduleResult, start: float) -> None:
        """Run the plugins' PreBind, then bind the pod."""
        pod = queued.pod
        work = asyncio.create_task(self._run_pre_binds(decision))
        self._pre_binding[queued.uid] = work
        try:
            await work
        except (PluginError, ClientError) as error:
            problem = str(error)
        except asyncio.CancelledError:
            if not _is_preempted(work):
                raise
            problem = "preempted by DefaultPreemption"
        else:
            problem = ""
        finally:
            del self._pre_binding[queued.uid]
        if problem:
            log.warning("pod %s on %s: %s", pod.key, decision.node, problem)
            self._give_up_node(decision)
            metrics.record_attempt("error", pod.spec.scheduler_name, time.perf_counter() - start)
            self.queue.retry_after_backoff(queued)
            self.handle_change("pod")
            await self._report_failure(pod, "SchedulerError", problem, "")
            return
        await self._bindings.acquire()
        await self._bind(queued, decision, start)

    async def _run_pre_binds(self, decision: ScheduleResult) -> None:
        for plugin in decision.cycle.profile.pre_binds:
            if plugin.needs_pre_bind(decision.cycle, decision.node):
                await plugin.pre_bind(decision.cycle, decision.node)

    def _give_up_node(self, decision: ScheduleResult) -> None:
        """The pod is not bound: its node and what plugins reserved are free again.

        If a watch has shown meanwhile that the pod is bound, it keeps that place.
        """
        self.state.forget_pod(decision.cycle.info)
        self._unreserve(decision)

    def _unreserve(self, decision: ScheduleResult) -> None:
        for plugin in reversed(decision.cycle.profile.reserves):
            plugin.unreserve(decision.cycle, decision.node)

    async def _bind(self, queued: QueuedPod, decision: ScheduleResult, start: float) -> None:
        pod, node = queued.pod, decision.node
        try:
            await bind_pod(self._client, pod, node)
        except ClientError as error:
            self._give_up_node(decision)
            metrics.record_attempt("error", pod.spec.scheduler_name, time.perf_counter() - start)
            if isinstance(error, ApiError) and error.is_not_found:
                self.queue.remove(queued.uid)
                return
            log.warning("binding pod %s to %s: %s", pod.key, node, error)
            self.queue.retry_after_backoff(queued)
            self.handle_change("pod")
            if pod.status.nominated_node_name:
                await self._patch_status(pod, {"nominatedNodeName": None})
        else:
            # What PreBind wrote is in the caches: nothing is assumed any more.
            self._unreserve(decision)
            self.queue.mark_scheduled(queued)
            metrics.record_attempt("scheduled", pod.spec.scheduler_name, time.perf_counter() - start)
            metrics.record_scheduled_pod(queued.attempts)
            self._get_recorder(pod).event(
                reference(pod, "v1", "Pod"),
                "Normal",
                "Scheduled",
                f"Successfully assigned {pod.key} to {node}",
            )
        finally:
            self._bindings.release()

    def _get_recorder(self, pod: Pod) -> EventRecorder:
        return self._recorders[pod.spec.scheduler_name]

    async def _report_failure(self, pod: Pod, reason: str, message: str, node: str | None) -> None:
        """An event, the condition PodScheduled with the reason, and the node for which the pod is nominated.

        node: "" if it is nominated for none, None if its nomination stays.
        """
        self._get_recorder(pod).event(reference(pod, "v1", "Pod"), "Warning", "FailedScheduling", message)
        status: JsonObject = {}
        if node is not None and node != pod.status.nominated_node_name:
            status["nominatedNodeName"] = node or None
        before = find_condition(pod, "PodScheduled")
        if before is None or (before.status, before.reason, before.message) != ("False", reason, message):
            condition = {
                "type": "PodScheduled",
                "status": "False",
                "reason": reason,
                "message": message,
                "observedGeneration": pod.metadata.generation,
                "lastProbeTime": None,
                "lastTransitionTime": timestamps.now() if before is None else before.last_transition_time,
            }
            status["conditions"] = [condition]
        if status:
            await self._patch_status(pod, status)

    async def _patch_status(self, pod: Pod, status: JsonObject) -> None:
        try:
            await self._client.resource("", "v1", "pods").patch(
                pod.metadata.name,
                {"status": status},
                namespace=pod.metadata.namespace,
                patch_type="application/strategic-merge-patch+json",
                subresource="status",
            )
        except ClientError as error:
            log.info("writing the status of pod %s: %s", pod.key, error)


def _is_preempted(work: asyncio.Task[None]) -> bool:
    """Whether only the work was cancelled, not the task that waits for it."""
    current = asyncio.current_task()
    return work.cancelled() and current is not None and not current.cancelling()
