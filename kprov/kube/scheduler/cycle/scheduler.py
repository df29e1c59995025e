"""The scheduling loop: take a pod, pick a node, assume the pod, bind it in the background."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any

from kprov.kube.api.core import Pod
from kprov.kube.client.events import EventRecorder
from kprov.kube.client.rest import RestClient
from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.attempts.attempt import Attempt, FailureHandler
from kprov.kube.scheduler.attempts.pod_reporter import PodReporter
from kprov.kube.scheduler.binding.binding_cycle import BindingCycle
from kprov.kube.scheduler.cycle.schedule_pod import ScheduleResult, schedule_pod, schedule_pod_with_extenders
from kprov.kube.scheduler.extenders.extenders import EXTENDER, Extenders
from kprov.kube.scheduler.extenders.http_extender import ExtenderError
from kprov.kube.scheduler.framework.events import ASSIGNED_POD_DELETE
from kprov.kube.scheduler.framework.pending_bindings import PendingBindings
from kprov.kube.scheduler.framework.plugin import PluginError, PostFilterResult, Profile
from kprov.kube.scheduler.framework.runtime import binding_points
from kprov.kube.scheduler.framework.runtime.post_filters import run_post_filters
from kprov.kube.scheduler.framework.status import Code
from kprov.kube.scheduler.queue.hints import HintTable
from kprov.kube.scheduler.queue.queued_pod import DEFAULT_BACKOFF, Backoff, QueuedPod
from kprov.kube.scheduler.queue.scheduling_queue import SchedulingQueue
from kprov.kube.scheduler.state.cluster_state import ClusterState
from kprov.kube.scheduler.state.nominator import Nominator

log = logging.getLogger(__name__)


class Scheduler:
    """Owns the state and the queue. `event_handlers.py` updates both from informers."""

    def __init__(
        self,
        client: RestClient,
        profiles: Sequence[Profile],
        recorders: Mapping[str, EventRecorder],
        *,
        backoff: Backoff = DEFAULT_BACKOFF,
        bindings: PendingBindings | None = None,
        extenders: Extenders | None = None,
        on_decision: Callable[[Pod, str], None] | None = None,
    ) -> None:
        """Create a scheduler. `recorders`: by the names of the profiles.

        `bindings`, `extenders`: those that the plugins have. `on_decision`: called with each pod that
        gets a node, and the name of the node, before it is bound.
        """
        self.state = ClusterState()
        hints = HintTable(profiles, (EXTENDER,) if extenders else ())
        # All profiles have the same one: there is a single queue.
        sort_keys = [plugin.get_sort_key for profile in profiles for plugin in profile.queue_sorts]
        self.queue = SchedulingQueue(backoff, hints, self._find_gate, next(iter(sort_keys), None))
        self.nominator = Nominator()
        bindings = bindings or PendingBindings()
        self.waiting_pods = bindings.waiting_pods
        self._extenders = extenders or Extenders()
        self._on_decision = on_decision
        self._profiles = {profile.name: profile for profile in profiles}
        self._rng = random.Random()  # noqa: S311  spreading pods, not secrets
        self._tasks: asyncio.TaskGroup | None = None
        reporter = PodReporter(client, recorders)
        self._failures = FailureHandler(self.queue, reporter, self._spawn)
        self._bindings = BindingCycle(
            self.state,
            self.queue,
            self._failures,
            reporter,
            bindings,
            self._extenders,
            on_release=self._handle_release,
        )
        metrics.publish_sizes(
            self.queue.count_pending,
            {"nodes": lambda: self.state.node_count, "pods": lambda: len(self.state.pods)},
            self.queue.count_in_flight,
            lambda: self._bindings.count,
        )

    def _find_gate(self, pod: Pod) -> str:
        return self._profiles[pod.spec.scheduler_name].find_gate(pod)

    def is_responsible_for(self, pod: Pod) -> bool:
        """Whether a profile has the pod's schedulerName."""
        return pod.spec.scheduler_name in self._profiles

    def _handle_release(self, pod: Pod) -> None:
        """Handle the loss of a node: for other pods it is as if this pod were deleted."""
        uid = pod.metadata.uid
        self.queue.handle_event(ASSIGNED_POD_DELETE, pod, None, lambda queued: queued.uid != uid)

    async def run(self) -> None:
        """Run until cancelled. Waits for bindings that are under way."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            while True:
                queued = await self.queue.pop()
                await self._schedule_one(queued)
                # Let informers and bindings run between two pods.
                await asyncio.sleep(0)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None
        self._tasks.create_task(work)

    async def _schedule_one(self, queued: QueuedPod) -> None:
        pod = queued.pod
        if pod.metadata.deletion_timestamp:
            self.queue.remove(queued.uid)
            return
        attempt = Attempt(queued)
        try:
            info = queued.info
            profile = self._profiles[pod.spec.scheduler_name]
            if self._extenders:
                decision = await schedule_pod_with_extenders(
                    self._extenders, info, self.state, profile, self._rng, self.nominator
                )
            else:
                decision = schedule_pod(info, self.state, profile, self._rng, self.nominator)
            outcome = None if decision.node else await self._run_post_filters(decision)
        except (ExtenderError, PluginError) as error:
            self._failures.fail(attempt, str(error))
            return
        except Exception as error:
            log.exception("scheduling pod %s", pod.key)
            self._failures.fail(attempt, str(error))
            return
        if outcome is None:
            self._assume(attempt, decision)
        else:
            self._hold(attempt, decision, outcome)

    def _assume(self, attempt: Attempt, decision: ScheduleResult) -> None:
        """Count the pod on its node, so that the next pod respects it, and start the binding."""
        cycle, node = decision.cycle, decision.node
        if self._on_decision is not None:
            self._on_decision(attempt.pod, node)
        self.nominator.remove(attempt.queued.uid)
        self.state.add_pod(cycle.info, node)
        seconds: Mapping[str, float] = {}
        status = binding_points.run_reserves(cycle, node)
        if status.is_success:
            status, seconds = binding_points.run_permits(cycle, node)
        waiting = None
        if status.code is Code.WAIT:
            waiting = self.waiting_pods.add(attempt.pod, seconds)
        elif not status.is_success:
            binding_points.run_unreserves(cycle, node)
            self.state.forget_pod(cycle.info)
            self._failures.take_back(attempt, status)
            return
        self._spawn(self._bindings.run(attempt, cycle, node, waiting))

    async def _run_post_filters(self, decision: ScheduleResult) -> PostFilterResult:
        """Run PostFilter, unless there are no nodes: nothing can be preempted then."""
        if not self.state.node_count:
            return PostFilterResult("")
        result = await run_post_filters(decision.cycle, decision.filtered)
        decision.diagnosis.post_filter_message = result.message
        return result

    def _hold(self, attempt: Attempt, decision: ScheduleResult, outcome: PostFilterResult) -> None:
        """Hold a pod that fits on no node until an event, and until the work of PostFilter is done."""
        self._failures.reject(
            attempt, decision.diagnosis, nominated=outcome.node, block=outcome.work is not None
        )
        uid = attempt.queued.uid
        if outcome.node:
            self.nominator.add(decision.cycle.info, outcome.node)
        elif outcome.node == "":
            self.nominator.remove(uid)
        if outcome.work is not None:
            self._spawn(self._finish_post_filter(attempt.queued, outcome.work))

    async def _finish_post_filter(self, queued: QueuedPod, work: Callable[[], Awaitable[bool]]) -> None:
        succeeded = False
        try:
            succeeded = await work()
        except Exception:
            log.exception("PostFilter for pod %s", queued.pod.key)
        finally:
            self.queue.unblock(queued.uid, retry=not succeeded)
