"""The scheduling loop: take a pod, pick a node, assume the pod, bind it in the background."""

from __future__ import annotations

import asyncio
import logging
import random
import time

from kprov.kube.api.core import Pod
from kprov.kube.client.errors import ApiError, ClientError
from kprov.kube.client.events import EventRecorder, reference
from kprov.kube.client.rest import RestClient
from kprov.kube.machinery import timestamps
from kprov.kube.scheduler import metrics, pod_info
from kprov.kube.scheduler.framework import CHANGES, Plugin, PluginError
from kprov.kube.scheduler.queue import QueuedPod, SchedulingQueue
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
        plugins: list[Plugin],
        recorder: EventRecorder,
        *,
        name: str = "default-scheduler",
    ) -> None:
        self.name = name
        self.state = ClusterState()
        self.queue = SchedulingQueue()
        self.plugins = plugins
        self._client = client
        self._recorder = recorder
        self._rng = random.Random()  # noqa: S311  spreading pods, not secrets
        self._bindings = asyncio.Semaphore(_BINDINGS)
        self._interests = {plugin.name: plugin.requeue_on for plugin in plugins}

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
            decision = schedule_pod(info, self.state, self.plugins, self._rng)
        except Exception:
            log.exception("scheduling pod %s", pod.key)
            self.queue.retry_after_backoff(queued)
            metrics.record_attempt("error", time.perf_counter() - start)
            return
        if not decision.node:
            metrics.record_attempt("unschedulable", time.perf_counter() - start)
            rejected_by = decision.diagnosis.plugins
            self.queue.add_unschedulable(queued, rejected_by, self.get_requeue_kinds(rejected_by))
            tasks.create_task(self._report_unschedulable(pod, decision))
            return
        self.state.add_pod(info, decision.node)
        for plugin in self.plugins:
            plugin.reserve(decision.cycle, decision.node)
        if any(plugin.needs_pre_bind(decision.cycle, decision.node) for plugin in self.plugins):
            # It may take minutes, so it takes none of the places for bindings.
            tasks.create_task(self._pre_bind(queued, decision, start))
            return
        await self._bindings.acquire()
        tasks.create_task(self._bind(queued, decision, start))

    async def _pre_bind(self, queued: QueuedPod, decision: ScheduleResult, start: float) -> None:
        """Run the plugins' PreBind, then bind the pod."""
        pod = queued.pod
        try:
            for plugin in self.plugins:
                if plugin.needs_pre_bind(decision.cycle, decision.node):
                    await plugin.pre_bind(decision.cycle, decision.node)
        except (PluginError, ClientError) as error:
            log.warning("pod %s on %s: %s", pod.key, decision.node, error)
            self._give_up_node(decision)
            metrics.record_attempt("error", time.perf_counter() - start)
            self.queue.retry_after_backoff(queued)
            self.handle_change("pod")
            await self._report_failure(pod, "SchedulerError", str(error))
            return
        await self._bindings.acquire()
        await self._bind(queued, decision, start)

    def _give_up_node(self, decision: ScheduleResult) -> None:
        """The pod is not bound: its node and what plugins reserved are free again."""
        self.state.remove_pod(decision.cycle.info.pod.metadata.uid)
        self._unreserve(decision)

    def _unreserve(self, decision: ScheduleResult) -> None:
        for plugin in reversed(self.plugins):
            plugin.unreserve(decision.cycle, decision.node)

    async def _bind(self, queued: QueuedPod, decision: ScheduleResult, start: float) -> None:
        pod, node = queued.pod, decision.node
        meta = pod.metadata
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        }
        try:
            await self._client.request(
                "POST", f"/api/v1/namespaces/{meta.namespace}/pods/{meta.name}/binding", body=binding
            )
        except ClientError as error:
            self._give_up_node(decision)
            metrics.record_attempt("error", time.perf_counter() - start)
            if isinstance(error, ApiError) and error.is_not_found:
                self.queue.remove(meta.uid)
                return
            log.warning("binding pod %s to %s: %s", pod.key, node, error)
            self.queue.retry_after_backoff(queued)
            self.handle_change("pod")
        else:
            # What PreBind wrote is in the caches: nothing is assumed any more.
            self._unreserve(decision)
            self.queue.mark_scheduled(queued)
            metrics.record_attempt("scheduled", time.perf_counter() - start)
            metrics.record_scheduled_pod(queued.attempts)
            self._recorder.event(
                reference(pod, "v1", "Pod"),
                "Normal",
                "Scheduled",
                f"Successfully assigned {pod.key} to {node}",
            )
        finally:
            self._bindings.release()

    async def _report_unschedulable(self, pod: Pod, decision: ScheduleResult) -> None:
        await self._report_failure(pod, "Unschedulable", decision.diagnosis.message)

    async def _report_failure(self, pod: Pod, reason: str, message: str) -> None:
        """An event, and the condition PodScheduled with the reason."""
        self._recorder.event(reference(pod, "v1", "Pod"), "Warning", "FailedScheduling", message)
        before = next((c for c in pod.status.conditions if c.type == "PodScheduled"), None)
        if before is not None and (before.status, before.reason, before.message) == (
            "False",
            reason,
            message,
        ):
            return
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": None,
            "lastTransitionTime": timestamps.now() if before is None else before.last_transition_time,
        }
        try:
            await self._client.resource("", "v1", "pods").patch(
                pod.metadata.name,
                {"status": {"conditions": [condition]}},
                namespace=pod.metadata.namespace,
                patch_type="application/strategic-merge-patch+json",
                subresource="status",
            )
        except ClientError as error:
            log.info("writing the condition of pod %s: %s", pod.key, error)
