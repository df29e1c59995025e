"""The job controller (pkg/controller/job/job_controller.go)."""

import asyncio
import time
from typing import Final

import msgspec

from kprov.kube.api.batch import Job
from kprov.kube.api.core import Pod
from kprov.kube.api.meta import ResourceVersion
from kprov.kube.client import ApiError, WorkQueue, reference, run_workers
from kprov.kube.client.store import split_key
from kprov.kube.controller_manager.framework.controller import Context, Controller
from kprov.kube.controller_manager.framework.controller_ref_manager import (
    ControllerRefManager,
    index_by_owner,
    parse_selector,
)
from kprov.kube.controller_manager.framework.expectations import Expectations
from kprov.kube.controller_manager.framework.pod_control import PodControl
from kprov.kube.controller_manager.job import conditions, metrics
from kprov.kube.controller_manager.job.backoff import Backoff
from kprov.kube.controller_manager.job.conditions import make_condition, set_condition
from kprov.kube.controller_manager.job.events import (
    BATCH_SECONDS,
    JobEvents,
    index_by_selector,
    index_orphans,
)
from kprov.kube.controller_manager.job.finish import (
    REACHED,
    compute_seconds_left,
    find_end,
    has_completed,
)
from kprov.kube.controller_manager.job.orphans import OrphanReleaser, is_managed_by_other
from kprov.kube.controller_manager.job.pods import API_VERSION, KIND, JobPods, Result
from kprov.kube.controller_manager.job.state import JobState, compute_state
from kprov.kube.controller_manager.job.tracked_pods import FINALIZER, has_finalizer, is_suspended
from kprov.kube.controller_manager.job.tracking import FinalizerExpectations, StatusTracker, copy_job
from kprov.kube.machinery import timestamps

#: Retries after a failed sync: 1 s, doubling to a minute.
_RETRY_SECONDS: Final = (1.0, 60.0)
_COMPLETION_MODES: Final = {None, "NonIndexed", "Indexed"}


class JobController(Controller):
    """Runs pods until enough of them have succeeded."""

    name = "job"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        first, longest = _RETRY_SECONDS
        self.queue = WorkQueue(self.name, base_delay=first, max_delay=longest)
        self._expectations = Expectations()
        self._finalizers = FinalizerExpectations()
        self._backoffs: dict[str, Backoff] = {}
        #: UIDs of jobs that are finished, though the informer has not shown it, by key.
        self._finished: dict[str, str] = {}
        #: The version that the controller wrote last, by key.
        self._written: dict[str, ResourceVersion] = {}
        self._recorder = context.make_recorder("job-controller")
        self._control = PodControl(context.client, self._recorder)
        self._jobs = context.informers.informer(
            "batch", "v1", "jobs", Job, indexers={"selector": index_by_selector}
        )
        self._pods = context.informers.informer(
            "", "v1", "pods", Pod, indexers={"owner": index_by_owner, "job-orphan": index_orphans}
        )
        self._job_pods = JobPods(self._control, self._expectations, self.queue.add_after)
        self._tracker = StatusTracker(
            self._control, self._recorder, self._finalizers, self._backoffs, self._update_status
        )
        self._orphans = OrphanReleaser(
            self._pods,
            self._control,
            WorkQueue("job_orphan_pod", base_delay=first, max_delay=longest),
            lambda namespace, owner: self._events.resolve(namespace, owner),
        )
        self._events = JobEvents(
            self._jobs, self._expectations, self._finalizers, self._orphans, self.queue.add_after
        )
        self._jobs.add_handler(
            on_add=self._events.handle_job_add,
            on_update=self._events.handle_job_update,
            on_delete=self._events.handle_job_delete,
        )
        self._pods.add_handler(
            on_add=self._events.handle_pod_add,
            on_update=self._events.handle_pod_update,
            on_delete=self._events.handle_pod_delete,
        )

    async def run(self) -> None:
        workers = self.context.options.concurrent_job_syncs
        async with asyncio.TaskGroup() as group:
            group.create_task(run_workers(self.queue, self.sync, workers=workers, name=self.name))
            group.create_task(
                run_workers(self._orphans.queue, self._orphans.sync, workers=workers, name="job_orphan_pod")
            )

    async def sync(self, key: str) -> None:
        shared = self._jobs.get(*split_key(key))
        if shared is None:
            self._forget(key)
            return
        if is_managed_by_other(shared):
            return
        if conditions.is_finished(shared):
            self._forget(key)
            return
        if shared.metadata.uid == self._finished.get(key) or self._is_stale(shared):
            return
        if shared.spec.completion_mode not in _COMPLETION_MODES:
            text = "Skipped Job sync because completion mode is unknown"
            self._record(shared, "Warning", "UnknownCompletionMode", text)
            return
        mode = shared.spec.completion_mode or "NonIndexed"
        start, action, outcome = time.monotonic(), "reconciling", "error"
        try:
            result = await self._reconcile(copy_job(shared))
            action = result.action
            if result.error is not None:
                raise result.error
            outcome = "success"
        finally:
            metrics.SYNC_SECONDS.labels(mode, outcome, action).observe(time.monotonic() - start)
            metrics.SYNCS.labels(mode, outcome, action).inc()

    async def _reconcile(self, job: Job) -> Result:
        key = job.key
        # Before the pods are listed: a pod that comes later must not count as observed.
        is_settled = self._expectations.are_satisfied(key)
        pods = await self._claim_pods(job)
        now, stamp = time.time(), timestamps.now()
        backoff = self._backoffs.get(key, Backoff())
        before = (job.status.active, job.status.ready, job.status.terminating)
        state = compute_state(job, pods, self._finalizers.get(key), backoff)
        if not job.status.start_time and not is_suspended(job):
            job.status.start_time = stamp
        state.end = find_end(state, now, stamp)
        left = compute_seconds_left(job, now)
        if state.end is None and left is not None:
            self.queue.add_after(key, left)
        is_changed = False
        if state.end is not None:
            result = await self._end_pods(state, is_settled=is_settled)
        elif is_settled and not job.metadata.deletion_timestamp:
            result = await self._job_pods.manage(state)
            if not self._complete(state, result.active, stamp):
                is_changed = self._set_suspended(job, stamp)
        else:
            result = Result(len(state.active), "reconciling")
            self._complete(state, result.active, stamp)
        job.status.active, job.status.ready = result.active, max(state.ready, 0)
        job.status.terminating = state.terminating
        is_changed |= before != (job.status.active, job.status.ready, job.status.terminating)
        if await self._tracker.track(state, stamp, is_changed=is_changed):
            self._finished[key] = job.metadata.uid
        return result

    async def _end_pods(self, state: JobState, *, is_settled: bool) -> Result:
        """Delete the active pods of a job that ends."""
        deleted, error = await self._job_pods.delete_active(state)
        active = len(state.active)
        if deleted != active or not is_settled:
            # Pods are left, perhaps some that the informer has not shown.
            state.end = None
        return Result(active - deleted, "reconciling", error)

    def _complete(self, state: JobState, active: int, stamp: str) -> bool:
        if not has_completed(state, active):
            return False
        state.end = make_condition(conditions.SUCCESS_CRITERIA_MET, *REACHED, stamp)
        return True

    def _set_suspended(self, job: Job, stamp: str) -> bool:
        """Set the condition Suspended. Returns whether it changed."""
        suspended = is_suspended(job)
        word = "suspended" if suspended else "resumed"
        condition = make_condition(
            conditions.SUSPENDED,
            f"Job{word.capitalize()}",
            f"Job {word}",
            stamp,
            status="True" if suspended else "False",
        )
        if not set_condition(job.status.conditions, condition):
            return False
        self._record(job, "Normal", word.capitalize(), f"Job {word}")
        # The deadline counts the time since the job was resumed.
        job.status.start_time = None if suspended else stamp
        return True

    async def _claim_pods(self, job: Job) -> list[Pod]:
        """Return the pods of the job, adopted ones too."""
        namespace, uid = job.metadata.namespace, job.metadata.uid
        orphans = self._pods.by_index("job-orphan", uid)
        if job.spec.manual_selector:
            orphans = [
                pod for pod in self._pods.by_index("owner", f"orphan/{namespace}") if pod not in orphans
            ]
        claims = ControllerRefManager(
            job,
            api_version=API_VERSION,
            kind=KIND,
            selector=parse_selector(job.spec.selector),
            children=self._control.pods,
            is_owner_alive=lambda: self._is_alive(job),
            finalizers=[FINALIZER],
        )
        owned = self._pods.by_index("owner", uid)
        pods = await claims.claim(owned)
        return pods + [_with_finalizer(pod) for pod in await claims.claim(orphans)]

    async def _is_alive(self, job: Job) -> bool:
        try:
            fresh = await self.resource_of(self._jobs).get(
                job.metadata.name, namespace=job.metadata.namespace
            )
        except ApiError as error:
            if error.is_not_found:
                return False
            raise
        return fresh.metadata.uid == job.metadata.uid and not fresh.metadata.deletion_timestamp

    async def _update_status(self, job: Job) -> Job:
        """Store the status, unless another client has changed the job meanwhile (409)."""
        document = msgspec.to_builtins(job) | {"apiVersion": API_VERSION, "kind": KIND}
        stored = await self.resource_of(self._jobs).update(document, subresource="status")
        self._written[job.key] = stored.metadata.resource_version
        return stored

    def _is_stale(self, job: Job) -> bool:
        """Whether the informer has not shown the last write of this controller. The key is added again."""
        written, shown = self._written.get(job.key, ""), job.metadata.resource_version
        if not (written.isdigit() and shown.isdigit()) or int(shown) >= int(written):
            return False
        metrics.STALE_SYNCS.labels("batch", "jobs").inc()
        self.queue.add_after(job.key, BATCH_SECONDS)
        return True

    def _forget(self, key: str) -> None:
        self._expectations.forget(key)
        self._finalizers.forget(key)
        self._backoffs.pop(key, None)
        self._finished.pop(key, None)
        self._written.pop(key, None)

    def _record(self, job: Job, kind: str, reason: str, message: str) -> None:
        owner = reference(job, API_VERSION, KIND)
        self._recorder.event(owner, "Warning" if kind == "Warning" else "Normal", reason, message)


def _with_finalizer(pod: Pod) -> Pod:
    """Return the pod after its adoption, which the informer has not shown yet."""
    if has_finalizer(pod):
        return pod
    metadata = msgspec.structs.replace(pod.metadata, finalizers=[*pod.metadata.finalizers, FINALIZER])
    return msgspec.structs.replace(pod, metadata=metadata)
